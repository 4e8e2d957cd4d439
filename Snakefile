"""From the simulator to the book.

    snakemake shipped_book                        the book, from the shipped weights and records
    snakemake reproduce --config profile=smoke    everything from the simulator on, into build/smoke
    snakemake reproduce --config profile=smoke@volumes:FOLDER    the same on a folder of real scans

Every step is a notebook that `python -m smugbook notebook` executes, in a fork of one process that
has imported everything (`smugbook.standby`). Steps depend on manifests of
SHA-256 hashes rather than on weights, on the code cells of their notebook rather than its file,
and on the modules of the library that they import; prose and plots retrain nothing. Trainings
keep their checkpoints in build/<profile>/checkpoints, which no rule declares, since Snakemake
removes declared files before it starts a job.
"""

import contextlib
import os
import re
import shlex
import sys
from fnmatch import fnmatch
from pathlib import Path

from smugbook import profiles
from smugbook.experiments import controls, extent
from smugbook.experiments.candidates import candidates_of
from smugbook.experiments.runs import pretraining_changes
from smugbook.notebooks import forks, processes
from smugbook.notebooks import run as notebooks
from smugbook.pages.assembly import NO_PAGES, chapter_names
from smugbook.results import sources
from smuglib.evaluation import table_scenarios
from smuglib.files import locked
from smuglib.methods import METHODS, SIGMAS

PROFILE = config.get("profile", "default")
FOLDER = profiles.get(PROFILE).folder  # refuses an unknown name before anything is planned

STEPS = ("02_pretraining", "03_finetuning", "04_evaluation", "05_harm")
STEPS += ("06_departures", "07_stability", "08_transfer")
STUDIES = ("stability", "transfer", "harm")
PAGES = [name for name in chapter_names("_toc.yml") if Path(f"book/{name}.ipynb").is_file()]
CHAPTERS = [name for name in PAGES if name not in STEPS]
LAST = "how_it_was_made"  # reads how long the other chapters took
LEVELS = [f"{sigma:g}" for sigma in SIGMAS]
STUDIED = [f"{sigma:g}" for sigma in extent.STUDIED]
SHIPPED = "book/shipped/default"
SHIPPED_WEIGHTS = "smuglib/shipped/default"
EVERY_SCENARIO = ", ".join(scenario.name for scenario in table_scenarios())
EXPLORER = f"explorer/s{LEVELS[0]}"

# What the smoke profile computes little of: see smugbook.experiments.extent.
ONE = {"sigmas": STUDIED[0]}
FEW = {
    "smoke": {
        "04_evaluation": extent.few_evaluated("smoke"),
        "05_harm": {"n_slices": 2, "attack_steps": 2},
        "06_departures": {"n_slices": 2, "sigma": STUDIED[0]},
        "07_stability": {"n_slices": 2},
        "08_transfer": {"n_slices": 2, "attack_steps": 2},
        "09_scans_like_real_ones": {"n_slices": 3},
        "22_accurate_or_robust": {"n_slices": 2},
        "explorer": {"epsilons": "1/255,2/255", "sampling-rates": "0.25,0.5"},
        **{chapter: ONE for chapter in PAGES if "sigmas" in notebooks.parameters(f"book/{chapter}.ipynb")},
    }
}


def named(folder):
    """Name of the profile whose results lie in a folder below build/."""
    return PROFILE if folder == FOLDER else folder


def quoted(wildcards):
    """The same as a word of a command."""
    return shlex.quote(named(wildcards.profile))


def few(name, profile):
    """Settings of a notebook, or of the explorer, at a profile that has its own."""
    return FEW.get(profiles.base(profile), {}).get(name, {})


def levels(profile):
    """Noise levels of the methods."""
    return [f"{sigma:g}" for sigma in extent.noise_levels(profile)]


def code_level(profile):
    """The published code's noise level, at which its departures are evaluated."""
    return min(levels(profile), key=float)




def label(changes):
    """Name of the variant of some changes."""
    return ",".join(f"{name}={changes[name]}" for name in sorted(changes))


FIRSTS = {
    label(first): first
    for control in extent.profile_controls(PROFILE)
    if (first := pretraining_changes(control.training))
}
"""Changes of pre-trainings beside the profile's own, by the name of their variant."""

LABELS = {control.label: control for control in extent.profile_controls(PROFILE)}

CANDIDATES = {one.label: one for one in candidates_of(extent.profile_controls(PROFILE))}
"""Candidates of the tuning on validation slices."""

LONG_FIRST = 1
"""Priority of what the longest notebooks, the evaluations, wait for, and of these themselves."""

LONGEST = ("17_noise_samples", "23_harm_and_uncertainty", "20_attack_free", "10_fragility")
LONGEST += ("11_smoothing_placement",)
"""Chapters of a minute and more from the shipped records: begun last, one would run alone."""

RUN = f"{shlex.quote(sys.executable)} -m smugbook"
BUILD_BOOK = f"{shlex.quote(str(Path(sys.executable).parent / 'jupyter-book'))} build -W --keep-going --all"

# Snakemake's own lock outlives a process that is killed; this one, and its jobs, do not. A cluster's
# job runs a Snakemake of its own, whose children end with it, and not with a process elsewhere.
LOCK = contextlib.ExitStack()
if workflow.is_main_process:
    try:
        LOCK.enter_context(locked(".snakemake/.pipeline.lock", "this folder's pipeline"))
    except ValueError as error:
        sys.exit(f"error: {error}")
os.environ[processes.PARENT] = str(os.getpid())


onstart:
    if workflow.local_exec:
        LOCK.enter_context(forks.standby())


wildcard_constraints:
    profile="|".join(map(re.escape, {**profiles.PROFILES, FOLDER: None})),
    method="|".join(METHODS),
    sigma="|".join(sorted({*LEVELS, *(f"{sigma:g}" for sigma in controls.SIGMAS)})),
    label="|".join(map(re.escape, LABELS)),
    candidate="|".join(map(re.escape, CANDIDATES)) or "none",
    first="|".join(map(re.escape, FIRSTS)) or "none",
    chapter="|".join(CHAPTERS) or "none",
    study="|".join(STUDIES),


def code(name):
    """Hash of a notebook's code cells."""
    return notebooks.code_hash(f"book/{name}.ipynb")


def options(name, **values):
    """Options of `smugbook notebook` for those parameters that a notebook has."""
    known = notebooks.parameters(f"book/{name}.ipynb")
    values["profile"] = named(values["profile"])
    values = {**few(name, values["profile"]), **values}
    given = {key: shlex.quote(str(value)) for key, value in values.items() if key in known}
    return " ".join(f"-p {key} {value}" for key, value in given.items())


def step_page(name, profile):
    """Executed notebook that stands in the book for a step: SMUG at the first noise level."""
    runs = {"02_pretraining": f"s{LEVELS[0]}", "06_departures": f"s{code_level(profile)}"}
    run = runs.get(name, f"smug_s{LEVELS[0]}")
    stem = name.partition("_")[2] if name.partition("_")[2] in STUDIES else name
    return f"build/{profile}/notebooks/{stem}_{run}.ipynb"


def pages(folder, profile):
    """Executed notebook of every page: chapters in one folder, steps in a profile's."""
    return {
        name: f"build/{folder}/notebooks/{name}.ipynb"
        if name in CHAPTERS
        else step_page(name, profile)
        for name in PAGES
    }


# The shipped book shows the steps of a training at the smoke profile, which takes seconds.
SHIPPED_PAGES = pages("shipped", "smoke")


def others(folder):
    """What a chapter waits for: for the last, all others."""

    def executed(wildcards):
        earlier = [name for name in CHAPTERS if name != LAST and wildcards.chapter == LAST]
        return [f"build/{folder}/notebooks/{name}.ipynb".format(**wildcards) for name in earlier]

    return executed


def page_options(executed):
    """Options of `smugbook assemble`."""
    return " ".join(f"--page {name} {path}" for name, path in executed.items())


def book_files(wildcards):
    """Everything of the book that is not a notebook."""
    files = [path for path in Path("book").rglob("*") if path.is_file()]
    return [str(p) for p in files if not any(fnmatch(x, no) for x in p.parts for no in NO_PAGES)]


def all_cores(wildcards):
    """A training or an attack uses every core; at the smoke profile, starting it costs more."""
    return 1 if profiles.base(wildcards.profile) == "smoke" else workflow.cores


rule shipped_book:
    input:
        executed=list(SHIPPED_PAGES.values()),
        text=book_files,
        settings=["_config.yml", "_toc.yml"],
        notebooks=[f"book/{name}.ipynb" for name in PAGES],
        explorer=f"{SHIPPED}/{EXPLORER}",
    output:
        "_build/html/index.html",
    params:
        pages=page_options(SHIPPED_PAGES),
        folder="build/shipped/book",
    shell:
        "{RUN} assemble -o {params.folder} --card {input.explorer}/explorer.csv {params.pages}"
        " && {BUILD_BOOK} {params.folder} --path-output ."


rule reproduce:
    input:
        f"build/{FOLDER}/_build/html/index.html",


rule book:
    input:
        executed=lambda wildcards: list(pages(wildcards.profile, wildcards.profile).values()),
        text=book_files,
        settings=["_config.yml", "_toc.yml"],
        notebooks=[f"book/{name}.ipynb" for name in PAGES],
        explorer=f"build/{{profile}}/{EXPLORER}",
    output:
        "build/{profile}/_build/html/index.html",
    params:
        pages=lambda wildcards: page_options(pages(wildcards.profile, wildcards.profile)),
        folder="build/{profile}/book",
    shell:
        "{RUN} assemble -o {params.folder} --card {input.explorer}/explorer.csv {params.pages}"
        " && {BUILD_BOOK} {params.folder} --path-output build/{wildcards.profile}"


rule simulate:
    output:
        "build/{profile}/manifests/data.sha256",
    params:
        library=sources.library_hash("smuglib.data", "smugbook.profiles"),
        profile=quoted,
    shell:
        "{RUN} simulate --profile {params.profile} -o {output}"


rule pretrain:
    input:
        notebook=ancient("book/02_pretraining.ipynb"),
        data="build/{profile}/manifests/data.sha256",
    output:
        notebook="build/{profile}/notebooks/02_pretraining_s{sigma}.ipynb",
        weights="build/{profile}/weights/pretrained_s{sigma}.safetensors",
        log="build/{profile}/logs/pretrained_s{sigma}.csv",
        provenance="build/{profile}/logs/pretrained_s{sigma}.json",
        manifest="build/{profile}/manifests/pretrained_s{sigma}.sha256",
    params:
        code=code("02_pretraining"),
        library=sources.library_hash("smugbook.experiments.runs"),
        options=lambda wildcards: options("02_pretraining", **wildcards),
    priority: LONG_FIRST
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} {params.options}"
        " && {RUN} manifest -o {output.manifest} {output.weights}"


rule pretrain_again:
    input:
        notebook=ancient("book/02_pretraining.ipynb"),
        data="build/{profile}/manifests/data.sha256",
    output:
        notebook="build/{profile}/notebooks/variants/{first}/pretrained_s{sigma}.ipynb",
        weights="build/{profile}/variants/{first}/weights/pretrained_s{sigma}.safetensors",
        manifest="build/{profile}/manifests/{first}_pretrained_s{sigma}.sha256",
    params:
        code=code("02_pretraining"),
        library=sources.library_hash("smugbook.experiments.runs"),
        options=lambda wildcards: options("02_pretraining", **wildcards, **FIRSTS[wildcards.first]),
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} {params.options}"
        " && {RUN} manifest -o {output.manifest} {output.weights}"


rule finetune:
    input:
        notebook=ancient("book/03_finetuning.ipynb"),
        pretrained="build/{profile}/manifests/pretrained_s{sigma}.sha256",
    output:
        notebook="build/{profile}/notebooks/03_finetuning_{method}_s{sigma}.ipynb",
        weights="build/{profile}/weights/{method}_s{sigma}.safetensors",
        log="build/{profile}/logs/{method}_s{sigma}.csv",
        provenance="build/{profile}/logs/{method}_s{sigma}.json",
        manifest="build/{profile}/manifests/{method}_s{sigma}.sha256",
    params:
        code=code("03_finetuning"),
        library=sources.library_hash("smugbook.experiments.runs"),
        options=lambda wildcards: options("03_finetuning", **wildcards),
    priority: LONG_FIRST
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} {params.options}"
        " && {RUN} manifest -o {output.manifest} {output.weights}"


def evaluated(wildcards):
    """What is evaluated beside the table's scenarios, by parameter."""
    sigma = float(wildcards.sigma)
    found = {"baselines": extent.baselines_at(sigma, wildcards.profile), "sweeps": extent.sweeps_at(sigma, wildcards.profile)}
    return {name: ", ".join(names) or [] for name, names in found.items()}


rule evaluate:
    input:
        notebook=ancient("book/04_evaluation.ipynb"),
        weights="build/{profile}/manifests/{method}_s{sigma}.sha256",
    output:
        notebook="build/{profile}/notebooks/04_evaluation_{method}_s{sigma}.ipynb",
        records="build/{profile}/records/{method}_s{sigma}.csv",
        provenance="build/{profile}/records/{method}_s{sigma}.json",
        manifest="build/{profile}/manifests/records_{method}_s{sigma}.sha256",
    params:
        code=code("04_evaluation"),
        library=sources.library_hash("smugbook.experiments.evaluations"),
        options=lambda wildcards: options(
            "04_evaluation", results="build", scenarios=EVERY_SCENARIO, **evaluated(wildcards),
            **wildcards,
        ),
    priority: LONG_FIRST
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} {params.options}"
        " && {RUN} manifest -o {output.manifest} {output.records}"


def starting_point(wildcards):
    """What a control starts from: the weights it smooths otherwise, or a pre-trained denoiser."""
    control, folder = LABELS[wildcards.label], f"build/{wildcards.profile}/manifests"
    run = "pretrained" if control.training else wildcards.method
    first = label(pretraining_changes(control.training))
    return f"{folder}/{first and first + '_'}{run}_s{wildcards.sigma}.sha256"


def control_commands(wildcards, output):
    """Commands that train a control, if it needs that, and evaluate it."""
    control = LABELS[wildcards.label]
    run = {name: wildcards[name] for name in ("profile", "method", "sigma")}
    commands = []
    if control.training:
        commands.append(("03_finetuning", f"{output.notebook}.training.ipynb", {**run, **control.training}))
    evaluation = extent.evaluation_of(control, wildcards.profile) | {"results": "build"}
    evaluation |= {n: ", ".join(evaluation[n]) for n in ("scenarios", "sweeps") if n in evaluation}
    commands.append(("04_evaluation", output.notebook, {**run, **evaluation}))
    return " && ".join(
        f"{RUN} notebook book/{name}.ipynb -o '{page}' {options(name, **values)}"
        for name, page, values in commands
    )


rule control:
    input:
        starting_point,
    output:
        notebook="build/{profile}/notebooks/variants/{label}/{method}_s{sigma}.ipynb",
        records="build/{profile}/variants/{label}/records/{method}_s{sigma}.csv",
    params:
        code=[code("03_finetuning"), code("04_evaluation")],
        library=sources.library_hash("smugbook.experiments.runs", "smugbook.experiments.evaluations"),
        commands=control_commands,
    threads: all_cores
    shell:
        "{params.commands}"


def study_page(study):
    """Notebook that computes a study."""
    return next(name for name in STEPS if name.endswith(f"_{study}"))


def studied_weights(wildcards):
    """Manifests of the networks that a study measures or scores; transfer scores all of them."""
    methods = METHODS if wildcards.study == "transfer" else [wildcards.method]
    folder = f"build/{wildcards.profile}/manifests"
    return [f"{folder}/{method}_s{wildcards.sigma}.sha256" for method in methods]


rule study:
    input:
        notebook=lambda wildcards: ancient(f"book/{study_page(wildcards.study)}.ipynb"),
        weights=studied_weights,
    output:
        notebook="build/{profile}/notebooks/{study}_{method}_s{sigma}.ipynb",
        rows="build/{profile}/{study}/{method}_s{sigma}.csv",
        provenance="build/{profile}/{study}/{method}_s{sigma}.json",
        manifest="build/{profile}/manifests/{study}_{method}_s{sigma}.sha256",
    params:
        code=lambda wildcards: code(study_page(wildcards.study)),
        library=lambda wildcards: sources.library_hash(f"smugbook.experiments.{wildcards.study}"),
        options=lambda wildcards: options(
            study_page(wildcards.study), results="build", **wildcards
        ),
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} {params.options}"
        " && {RUN} manifest -o {output.manifest} {output.rows}"


rule departures:
    input:
        notebook=ancient("book/06_departures.ipynb"),
        records=expand(
            "build/{{profile}}/manifests/records_{method}_s{{sigma}}.sha256", method=METHODS
        ),
    output:
        notebook="build/{profile}/notebooks/06_departures_s{sigma}.ipynb",
        records="build/{profile}/records/departures_s{sigma}.csv",
        provenance="build/{profile}/records/departures_s{sigma}.json",
        reach="build/{profile}/reach/reach_s{sigma}.csv",
        manifest="build/{profile}/manifests/departures_s{sigma}.sha256",
    params:
        code=code("06_departures"),
        library=sources.library_hash("smugbook.experiments.departures", "smugbook.experiments.range_space"),
        options=lambda wildcards: options("06_departures", results="build", **wildcards),
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} {params.options}"
        " && {RUN} manifest -o {output.manifest} {output.records} {output.reach}"


def scored_weights(wildcards):
    """What a candidate needs: its evaluation, which has its weights, or the method's weights."""
    control, folder = CANDIDATES[wildcards.candidate].control, f"build/{wildcards.profile}"
    run = f"{control.method}_s{control.sigma:g}"
    return (
        f"{folder}/variants/{control.label}/records/{run}.csv"
        if control.variant
        else f"{folder}/manifests/{run}.sha256"
    )


rule tune:
    input:
        scored_weights,
    output:
        "build/{profile}/tuning/{candidate}.csv",
    params:
        library=sources.library_hash("smugbook.experiments.candidates"),
    threads: all_cores
    shell:
        "{RUN} compute {wildcards.profile} --part 'tuning/{wildcards.candidate}'"


rule explorer:
    input:
        weights=expand(
            f"build/{{{{profile}}}}/manifests/{{method}}_s{LEVELS[0]}.sha256", method=METHODS
        ),
    output:
        directory(f"build/{{profile}}/{EXPLORER}"),
    params:
        library=sources.library_hash("smugbook.explorers.static.grid"),
        profile=quoted,
        few=lambda wildcards: " ".join(
            f"--{name} {value}" for name, value in few("explorer", wildcards.profile).items()
        ),
    threads: all_cores
    shell:
        "{RUN} explorer --profile {params.profile} --results build --quiet {params.few}"


rule chapter:
    input:
        notebook=ancient("book/{chapter}.ipynb"),
        explorer=lambda wildcards: (
            f"build/{wildcards.profile}/{EXPLORER}" if wildcards.chapter == "30_explorer" else []
        ),
        records=lambda wildcards: expand(
            "build/{profile}/manifests/records_{method}_s{sigma}.sha256",
            profile=wildcards.profile,
            method=METHODS,
            sigma=levels(wildcards.profile),
        ),
        controls=lambda wildcards: [
            f"build/{wildcards.profile}/variants/{c.label}/records/{c.method}_s{c.sigma:g}.csv"
            for c in extent.profile_controls(named(wildcards.profile))
        ],
        others=others("{profile}"),
        tuning=lambda wildcards: (
            expand("build/{profile}/tuning/{candidate}.csv", candidate=CANDIDATES, **wildcards)
            if wildcards.chapter == "25_more_training"
            else []
        ),
        studies=expand(
            "build/{{profile}}/manifests/{study}_{method}_s{sigma}.sha256",
            study=STUDIES,
            method=METHODS,
            sigma=STUDIED,
        ),
        departures=lambda wildcards: (
            [f"build/{wildcards.profile}/manifests/departures_s{code_level(wildcards.profile)}.sha256"]
            if wildcards.chapter == "24_published_code"
            else []
        ),
    output:
        notebook="build/{profile}/notebooks/{chapter}.ipynb",
    params:
        code=lambda wildcards: code(wildcards.chapter),
        library=sources.library_hash(),
        options=lambda wildcards: options(
            wildcards.chapter,
            profile=wildcards.profile,
            results="build",
            images="build",
            executed=f"build/{wildcards.profile}/notebooks",
        ),
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} {params.options}"


rule shipped_chapter:
    input:
        notebook=ancient("book/{chapter}.ipynb"),
        others=others("shipped"),
    output:
        notebook="build/shipped/notebooks/{chapter}.ipynb",
    params:
        code=lambda wildcards: code(wildcards.chapter),
        library=sources.library_hash(),
        results=sources.folder_hash(SHIPPED, SHIPPED_WEIGHTS),
        options=lambda wildcards: options(wildcards.chapter, profile="default", results="shipped"),
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} {params.options}"


use rule shipped_chapter as long_shipped_chapter with:
    wildcard_constraints:
        chapter="|".join(LONGEST),
    priority: LONG_FIRST + 1


ruleorder: long_shipped_chapter > shipped_chapter
