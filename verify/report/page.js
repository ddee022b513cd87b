/* global document, location, history, navigator, window, addEventListener, setTimeout, DecompressionStream */
// Adds the filter, the dialog of a call and the copy buttons, and shows calls from the data in the page.
import { contentOf, everyCall, isChosen, titleOfCall } from "./calls.ts";
import { attackTables, matrix } from "./grid.ts";
import { unpacked } from "./packed.ts";
import { blocks } from "./parts.ts";
import { anchorOf, callInWords } from "./words.ts";

copyButtons(document);
// An old browser shows the page as it is without a script.
if (typeof DecompressionStream === "function") void start();

async function start() {
  const data = await unpacked(document.getElementById("data").innerHTML, "exchanges");
  const report = { ...data.rest, cells: data.list };
  const cells = everyCall(report, report.cells).flatMap(({ parts }) => parts.flatMap((part) => part.cells));
  const listed = report.cells.filter(({ result }) => result === "different");
  const byAnchor = new Map(report.cells.map((cell) => [anchorOf(cell.id), cell]));
  const numbers = new Map(report.cells.map((cell, i) => [cell, i]));
  /** The calls of the filter, as the page shows them: those that differ first. */
  let shown = [];
  const sections = [
    ["matrix-calls", matrix],
    ["attacks-calls", attackTables],
    ["calls-calls", everyCall],
  ].map(([id, blocksOf]) => ({ place: document.getElementById(id), blocksOf, parts: [] }));
  for (const section of sections) {
    section.place.addEventListener("toggle", ({ target }) => fill(section, target), true);
  }
  filtering();
  opening();

  /** Shows the parts of the filter; those that are open with their content. */
  function show(section, wanted) {
    const all = section.blocksOf(report, wanted);
    section.parts = all.flatMap(({ parts }) => parts);
    section.place.innerHTML = blocks(all, ({ isOpen }) => isOpen).text;
  }

  function fill({ place, parts }, details) {
    const part = parts[[...place.querySelectorAll("details.group")].indexOf(details)];
    const content = details.lastElementChild;
    if (part !== undefined && details.open && content.childElementCount === 0) content.innerHTML = part.content().text;
  }

  function filtering() {
    const form = document.getElementById("filter");
    form.hidden = false;
    const choices = [...form.querySelectorAll("select")];
    const apply = () => {
      const chosen = Object.fromEntries(choices.map(({ name, value }) => [name, value]));
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const inData = words.map((word) => data.matching(word));
      const matches = (cell) =>
        isChosen(cell, chosen) &&
        words.every((word, i) => {
          if (inData[i](numbers.get(cell))) return true;
          return `${callInWords(report, cell)} ${titleOfCall(report, cell)}`.toLowerCase().includes(word);
        });
      const wanted = report.cells.filter(matches);
      const isWanted = new Set(wanted);
      shown = [...new Set([...listed, ...cells])].filter((cell) => isWanted.has(cell));
      for (const section of sections) show(section, wanted);
      const [some, all] = [wanted, report.cells].map(({ length }) => length.toLocaleString("en-GB"));
      form.elements.shown.value = some === all ? `All ${all} calls` : `${some} of ${all} calls`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    apply(); // The back button restores the chosen filter.
  }

  /** Opens a call in a dialog. The address bar shows its address, for links. */
  function opening() {
    const dialog = document.getElementById("opened");
    const called = (hash) => byAnchor.get(hash.slice(1));
    const open = (cell) => {
      const title = element("h2", titleOfCall(report, cell));
      title.id = "opened-title";
      title.tabIndex = -1;
      const content = element("div");
      content.className = "opened";
      content.innerHTML = contentOf(report, cell).text;
      const at = shown.indexOf(cell);
      const bar = element("div");
      bar.className = "bar";
      bar.append(
        step("Previous call", shown[at - 1]),
        step("Next call", shown[at + 1]),
        button("Close", () => dialog.close()),
      );
      dialog.replaceChildren(title, bar, content);
      copyButtons(dialog);
      if (!dialog.open) dialog.showModal();
      title.focus();
      dialog.scrollTop = 0;
    };
    const step = (label, cell) => {
      const made = button(label, () => {
        history.replaceState(null, "", `#${anchorOf(cell.id)}`);
        open(cell);
      });
      made.disabled = cell === undefined;
      return made;
    };
    const follow = () => {
      const cell = called(location.hash);
      if (cell !== undefined) open(cell);
      else if (dialog.open) dialog.close();
    };

    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href^='#']");
      if (link === null || link === undefined || called(link.hash) === undefined) return;
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      // The address of a call that was closed just now stays until the close event: never put another on top of it.
      const change = called(location.hash) === undefined ? "pushState" : "replaceState";
      history[change](null, "", link.hash);
      follow();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", () => {
      if (dialog.open) return; // Opened again before this event came.
      if (called(location.hash) !== undefined) history.replaceState(null, "", location.pathname + location.search);
    });
    addEventListener("popstate", follow);
    addEventListener("hashchange", follow);
    follow();
  }
}

function copyButtons(where) {
  for (const block of where.querySelectorAll("pre.command")) {
    const copy = button("Copy", async () => {
      const text = block.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      } catch {
        window.getSelection().selectAllChildren(block.querySelector("code"));
        copy.textContent = "Selected: copy it now";
      }
    });
    copy.className = "copy";
    copy.setAttribute("aria-live", "polite");
    block.append(copy);
  }
}

function button(label, action) {
  const made = element("button", label);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
}

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
