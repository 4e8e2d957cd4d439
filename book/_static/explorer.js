"use strict";
// The static explorer: shows the cell of the sheets, and the numbers, that the controls ask for.
// smuglib/explorer_page.py writes the markup with its first state; without this script it stays.

document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll(".explorer")) start(root);
});

function start(root) {
  const data = JSON.parse(root.querySelector("script").textContent);
  const form = root.querySelector("form");
  const { method, view, epsilon, rate } = form.elements;

  function update() {
    epsilon.disabled = view.value === "clean";
    const place = { method: method.value, row: Number(rate.value), column: column() };
    for (const [kind, file] of Object.entries(data.sheets[place.method])) {
      const panel = root.querySelector(`[data-kind=${kind}]`);
      panel.style.backgroundImage = `url("${file}")`;
      panel.style.setProperty("--row", place.row);
      panel.style.setProperty("--column", place.column);
      panel.setAttribute("aria-label", `${data.kinds[kind]} of ${data.methods[place.method]}`);
    }
    for (const line of root.querySelectorAll("tbody tr")) fill(line, place);
    say(epsilon, data.epsilons[epsilon.value]);
    say(rate, data.rates[rate.value]);
    root.querySelector("[role=status]").textContent = summary(place);
  }

  // Columns of a sheet: clean, then every strength of one view after the other.
  function column() {
    const strength = Number(epsilon.value);
    if (epsilon.disabled || strength === 0) return 0;
    const before = (Object.keys(data.views).indexOf(view.value) - 1) * (data.epsilons.length - 1);
    return before + strength;
  }

  function fill(line, { method, row, column }) {
    const [psnr, ssim] = data.scores[line.dataset.method][row][column];
    line.querySelector("[data-score=psnr]").textContent = psnr;
    line.querySelector("[data-score=ssim]").textContent = ssim;
    if (line.dataset.method === method) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }

  function summary({ method, row, column }) {
    const [psnr, ssim] = data.scores[method][row][column];
    const strength = column === 0 ? "" : `, ε = ${data.epsilons[epsilon.value]}`;
    const input = column === 0 ? data.views.clean : data.views[view.value];
    return `${data.methods[method]}, ${data.rates[row]}, ${input}${strength}: `
      + `PSNR ${psnr} dB, SSIM ${ssim}`;
  }

  function say(slider, text) {
    slider.setAttribute("aria-valuetext", text);
    form.querySelector(`output[for=${slider.id}]`).textContent = text;
  }

  for (const files of Object.values(data.sheets))
    for (const file of Object.values(files)) new Image().src = file; // no blank panel on a change
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  update();
}
