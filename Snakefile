"""From the simulator to the book.

    snakemake shipped_book                        the book, from the shipped weights and records
    snakemake reproduce --config profile=smoke    everything from the simulator on, into build/smoke

Every step is a notebook that `python -m smuglib notebook` executes. Steps depend on manifests of
SHA-256 hashes rather than on weights, on the code cells of their notebook rather than its file,
and on the modules of the library that they import; prose and plots retrain nothing. Trainings
keep their checkpoints in build/<profile>/checkpoints, which no rule declares, since Snakemake
removes declared files before it starts a job.
"""

import sys
from pathlib import Path

from smuglib import profiles, sources
from smuglib.assembly import chapter_names
from smuglib.models import METHODS
from smuglib.weights import SIGMAS

PROFILE = config.get("profile", "default")
profiles.get(PROFILE)  # refuses an unknown name before anything is planned

STEPS = ("01_forward_model", "02_pretraining", "03_finetuning", "04_evaluation")
PAGES = [name for name in chapter_names("_toc.yml") if Path(f"book/{name}.ipynb").is_file()]
CHAPTERS = [name for name in PAGES if name not in STEPS]
LEVELS = [f"{sigma:g}" for sigma in SIGMAS]
SHIPPED = "smuglib/shipped/default"

RUN = f"{sys.executable} -m smuglib"


wildcard_constraints:
    profile="|".join(profiles.PROFILES),
    method="|".join(METHODS),
    sigma="|".join(LEVELS),
    chapter="|".join(CHAPTERS) or "none",


def code(name):
    """Hash of a notebook's code cells."""
    return sources.code_hash(f"book/{name}.ipynb")


def step_page(name, profile):
    """Executed notebook that stands in the book for a step: SMUG at the first noise level."""
    suffix = dict(
        zip(STEPS, ("", f"_s{LEVELS[0]}", f"_smug_s{LEVELS[0]}", f"_smug_s{LEVELS[0]}"))
    )[name]
    return f"build/{profile}/notebooks/{name}{suffix}.ipynb"


def pages(profile):
    """Executed notebooks of a book computed anew, by page."""
    return {
        name: step_page(name, profile) if name in STEPS else f"build/{profile}/notebooks/{name}.ipynb"
        for name in PAGES
    }


def shipped_pages():
    """Executed notebooks of the shipped book: its training steps are shown at the smoke profile."""
    return {
        name: (
            step_page(name, "default" if name == STEPS[0] else "smoke")
            if name in STEPS
            else f"build/shipped/notebooks/{name}.ipynb"
        )
        for name in PAGES
    }


def page_options(executed):
    """Options of `smuglib assemble`."""
    return " ".join(f"--page {name} {path}" for name, path in executed.items())


def book_files(wildcards):
    """Everything of the book that is not a notebook."""
    files = [path for path in Path("book").rglob("*") if path.is_file()]
    return [str(p) for p in files if p.suffix != ".ipynb" and ".ipynb_checkpoints" not in p.parts]


def all_cores(wildcards):
    """A training or an attack uses every core; at the smoke profile, starting it costs more."""
    return 1 if wildcards.profile == "smoke" else workflow.cores


rule shipped_book:
    input:
        executed=list(shipped_pages().values()),
        text=book_files,
        settings=["_config.yml", "_toc.yml"],
        notebooks=[f"book/{name}.ipynb" for name in PAGES],
    output:
        "_build/html/index.html",
    params:
        pages=page_options(shipped_pages()),
        folder="build/shipped/book",
    shell:
        "{RUN} assemble -o {params.folder} {params.pages}"
        " && {sys.executable} -m jupyter_book build {params.folder} --path-output . -W --keep-going --all"


rule reproduce:
    input:
        f"build/{PROFILE}/_build/html/index.html",


rule book:
    input:
        executed=lambda wildcards: list(pages(wildcards.profile).values()),
        text=book_files,
        settings=["_config.yml", "_toc.yml"],
        notebooks=[f"book/{name}.ipynb" for name in PAGES],
    output:
        "build/{profile}/_build/html/index.html",
    params:
        pages=lambda wildcards: page_options(pages(wildcards.profile)),
        folder="build/{profile}/book",
    shell:
        "{RUN} assemble -o {params.folder} {params.pages}"
        " && {sys.executable} -m jupyter_book build {params.folder}"
        " --path-output build/{wildcards.profile} -W --keep-going --all"


rule simulate:
    input:
        notebook=ancient("book/01_forward_model.ipynb"),
    output:
        notebook="build/{profile}/notebooks/01_forward_model.ipynb",
    params:
        code=code("01_forward_model"),
        library=sources.library_hash(),
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook} -p profile {wildcards.profile}"


rule pretrain:
    input:
        notebook=ancient("book/02_pretraining.ipynb"),
        data=ancient("build/{profile}/notebooks/01_forward_model.ipynb"),
    output:
        notebook="build/{profile}/notebooks/02_pretraining_s{sigma}.ipynb",
        weights="build/{profile}/weights/pretrained_s{sigma}.safetensors",
        manifest="build/{profile}/manifests/pretrained_s{sigma}.sha256",
    params:
        code=code("02_pretraining"),
        library=sources.library_hash("training", "data"),
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook}"
        " -p profile {wildcards.profile} -p sigma {wildcards.sigma}"
        " && {RUN} manifest -o {output.manifest} {output.weights}"


rule finetune:
    input:
        notebook=ancient("book/03_finetuning.ipynb"),
        pretrained="build/{profile}/manifests/pretrained_s{sigma}.sha256",
    output:
        notebook="build/{profile}/notebooks/03_finetuning_{method}_s{sigma}.ipynb",
        weights="build/{profile}/weights/{method}_s{sigma}.safetensors",
        manifest="build/{profile}/manifests/{method}_s{sigma}.sha256",
    params:
        code=code("03_finetuning"),
        library=sources.library_hash("training", "data"),
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook}"
        " -p profile {wildcards.profile} -p method {wildcards.method} -p sigma {wildcards.sigma}"
        " && {RUN} manifest -o {output.manifest} {output.weights}"


rule evaluate:
    input:
        notebook=ancient("book/04_evaluation.ipynb"),
        weights="build/{profile}/manifests/{method}_s{sigma}.sha256",
    output:
        notebook="build/{profile}/notebooks/04_evaluation_{method}_s{sigma}.ipynb",
        records="build/{profile}/records/{method}_s{sigma}.csv",
        manifest="build/{profile}/manifests/records_{method}_s{sigma}.sha256",
    params:
        code=code("04_evaluation"),
        library=sources.library_hash("evaluation", "data"),
    threads: all_cores
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook}"
        " -p profile {wildcards.profile} -p method {wildcards.method} -p sigma {wildcards.sigma}"
        " && {RUN} manifest -o {output.manifest} {output.records}"


rule chapter:
    input:
        notebook=ancient("book/{chapter}.ipynb"),
        records=expand(
            "build/{{profile}}/manifests/records_{method}_s{sigma}.sha256",
            method=METHODS,
            sigma=LEVELS,
        ),
    output:
        notebook="build/{profile}/notebooks/{chapter}.ipynb",
    params:
        code=lambda wildcards: code(wildcards.chapter),
        library=sources.library_hash(),
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook}"
        " -p profile {wildcards.profile} -p results build"


rule shipped_chapter:
    input:
        notebook=ancient("book/{chapter}.ipynb"),
    output:
        notebook="build/shipped/notebooks/{chapter}.ipynb",
    params:
        code=lambda wildcards: code(wildcards.chapter),
        library=sources.library_hash(),
        results=sources.folder_hash(SHIPPED),
    shell:
        "{RUN} notebook {input.notebook} -o {output.notebook}"
        " -p profile default -p results shipped"
