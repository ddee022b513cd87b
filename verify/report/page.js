/* global document, location, history, navigator, window, addEventListener, setTimeout */
// Adds the filter, the dialog of a call and the copy buttons. The page shows all content without it.
"use strict";
(() => {
  const calls = [...document.querySelectorAll("details.call[data-layers]")];
  const idOf = (call) => call.querySelector(".opened").id;
  const byId = new Map(calls.map((call) => [idOf(call), call]));
  const cells = [...document.querySelectorAll("table.grid a.cell")];

  copyButtons(document);
  filtering();
  opening();

  function filtering() {
    const form = document.getElementById("filter");
    form.hidden = false;
    const texts = new Map();
    const textOf = (call) => {
      if (!texts.has(call)) texts.set(call, call.textContent.toLowerCase());
      return texts.get(call);
    };

    const apply = () => {
      const wanted = ["layers", "origin", "caller", "operation", "result"]
        .map((name) => [name, form.elements[name].value])
        .filter(([, value]) => value !== "");
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const matches = (call) =>
        wanted.every(([name, value]) => ` ${call.dataset[name]} `.includes(` ${value} `)) &&
        words.every((word) => textOf(call).includes(word));

      let number = 0;
      for (const call of calls) {
        call.hidden = !matches(call);
        if (!call.hidden) number += 1;
      }
      for (const cell of cells) cell.hidden = byId.get(cell.hash.slice(1))?.hidden ?? false;
      for (const table of document.querySelectorAll("table.grid")) fold(table);
      for (const group of document.querySelectorAll(".layers, #calls .group")) {
        group.hidden = !group.querySelector("a.cell:not([hidden]), details.call:not([hidden])");
      }
      const [some, all] = [number, calls.length].map((one) => one.toLocaleString("en-GB"));
      form.elements.shown.value = some === all ? `All ${all} calls` : `${some} of ${all} calls`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    apply(); // The back button restores the chosen filter.
  }

  /** Hides rows and columns of a grid without visible calls. */
  function fold(table) {
    const rows = [...table.tBodies[0].rows];
    const used = new Set();
    for (const row of rows) {
      const kept = [...row.cells].filter((cell) => cell.querySelector("a.cell:not([hidden])"));
      row.hidden = kept.length === 0;
      for (const cell of kept) used.add(cell.cellIndex);
    }
    for (const row of rows) {
      for (const cell of row.cells) cell.hidden = cell.cellIndex > 0 && !used.has(cell.cellIndex);
    }
    const [groups, columns] = table.tHead.rows;
    if (columns === undefined) {
      for (const head of groups.cells) head.hidden = head.cellIndex > 0 && !used.has(head.cellIndex);
    } else {
      for (const head of columns.cells) head.hidden = !used.has(head.cellIndex + 1);
      const perGroup = columns.cells.length / (groups.cells.length - 1);
      for (const [i, head] of [...groups.cells].slice(1).entries()) {
        const shown = [...columns.cells].slice(i * perGroup, (i + 1) * perGroup).filter((one) => !one.hidden).length;
        head.hidden = shown === 0;
        head.colSpan = Math.max(shown, 1);
      }
    }
    table.closest(".scroll").hidden = used.size === 0;
  }

  /** Opens a call in a dialog. The address bar shows its address, for links. */
  function opening() {
    const dialog = document.getElementById("opened");
    const open = (call) => {
      const title = element("h2", call.querySelector("summary").textContent.replace(/\s+/g, " ").trim());
      title.id = "opened-title";
      title.tabIndex = -1;
      const content = call.querySelector(".opened").cloneNode(true);
      content.removeAttribute("id");
      for (const button of content.querySelectorAll("button.copy")) button.remove();
      const shown = calls.filter((one) => !one.hidden);
      const at = shown.indexOf(call);
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
    const step = (label, call) => {
      const made = button(label, () => {
        history.replaceState(null, "", `#${idOf(call)}`);
        open(call);
      });
      made.disabled = call === undefined;
      return made;
    };
    const follow = () => {
      const call = byId.get(location.hash.slice(1));
      if (call !== undefined) open(call);
      else if (dialog.open) dialog.close();
    };

    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href^='#']");
      if (link === null || link === undefined || !byId.has(link.hash.slice(1))) return;
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      // The address of a call that was closed just now stays until the close event: never put another on top of it.
      const change = byId.has(location.hash.slice(1)) ? "replaceState" : "pushState";
      history[change](null, "", link.hash);
      follow();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", () => {
      if (dialog.open) return; // Opened again before this event came.
      if (byId.has(location.hash.slice(1))) history.replaceState(null, "", location.pathname + location.search);
    });
    addEventListener("popstate", follow);
    addEventListener("hashchange", follow);
    follow();
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
})();
