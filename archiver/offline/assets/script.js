// What the pages can do beyond plain HTML: copy commands, remember the client, narrow lists, search while typing.
"use strict";

const root = document.body.dataset.root || "";
document.documentElement.classList.add("js");

// What happened, said to those who do not see it.
const told = document.createElement("p");
told.className = "hidden";
told.setAttribute("role", "status");
document.body.append(told);

const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard needs a secure context, which plain HTTP on a LAN is not.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
};

for (const line of document.querySelectorAll(".cmd")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  line.append(button);
}

// Of a command for several clients only the part for the one chosen is shown.
const shown = (button) => button.parentElement.querySelector("code").innerText;

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".cmd button");
  if (!button) return;
  const text = shown(button);
  const done = await copy(text);
  button.focus({ preventScroll: true });
  button.textContent = done ? "Copied" : "Press Ctrl-C";
  button.classList.toggle("done", done);
  told.textContent = done ? `Copied: ${text}` : "It could not be copied";
  setTimeout(() => { button.textContent = "Copy"; button.classList.remove("done"); }, 1600);
});

// A button says what it copies only once somebody comes to it: a page may have thousands of them.
const label = (event) => {
  const button = event.target.closest?.(".cmd button");
  if (button) {
    button.setAttribute("aria-label", `Copy ${shown(button)}`);
  }
};
document.addEventListener("focusin", label);
document.addEventListener("pointerover", label);

// The client chosen is chosen on the next page as well.
const tools = [...document.querySelectorAll("[data-tool]")];
try {
  const before = localStorage.getItem("tool");
  for (const tool of tools) {
    if (tool.dataset.tool === before) tool.checked = true;
    tool.addEventListener("change", () => localStorage.setItem("tool", tool.dataset.tool));
  }
} catch {
  // Without storage each page begins with the first one.
}

for (const input of document.querySelectorAll("[data-narrows]")) {
  if (input.value) continue; // the server has narrowed the list: the form asks it again
  const list = document.getElementById(input.dataset.narrows);
  const rows = [...list.querySelectorAll(".rows > li")].map((row) => [row, row.querySelector(".ref").textContent.toLowerCase()]);
  const groups = [...list.querySelectorAll("details")].map((group) => [group, group.querySelector(".count"), group.querySelectorAll(".rows > li")]);
  const narrow = () => {
    const wanted = input.value.trim().toLowerCase();
    let left = 0;
    for (const [row, text] of rows) {
      row.hidden = !text.includes(wanted);
      left += !row.hidden;
    }
    for (const [group, count, all] of groups) {
      const here = [...all].filter((row) => !row.hidden).length;
      group.hidden = !here;
      group.open = Boolean(wanted) && left <= 40;
      count.textContent = here === all.length ? `${here}` : `${here} of ${all.length}`;
    }
    told.textContent = wanted ? `${left} left` : "";
    list.classList.toggle("empty", left === 0);
  };
  input.addEventListener("input", narrow);
  input.form.addEventListener("submit", (event) => event.preventDefault());
  if (input.value) narrow();
}

const box = document.getElementById("q");
const list = document.getElementById("hits");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName) && document.activeElement.type !== "radio";
  if (event.key === "/" && !typing && box) {
    event.preventDefault();
    box.focus();
    box.select();
  }
  if (event.key === "Escape" && document.activeElement === box) box.blur();
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && list) {
    const links = [...list.querySelectorAll("a.hit")];
    const at = links.indexOf(document.activeElement);
    if (at < 0 && document.activeElement !== box) return;
    const next = event.key === "ArrowDown" ? links[at + 1] : links[at - 1] || box;
    if (next) {
      event.preventDefault();
      next.focus();
    }
  }
});

if (box && list) {
  const said = document.getElementById("said");
  const chosen = [...document.querySelectorAll(".filters select")];
  let latest = 0;
  let timer;

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    made.className = className;
    if (text) made.textContent = text;
    return made;
  };

  const snippet = (hit) => {
    const shown = element("p", "text");
    const letters = [...hit.snippet]; // marks count characters, not UTF-16 units
    let end = 0;
    for (const [start, stop] of hit.marks) {
      if (start < end) continue;
      shown.append(letters.slice(end, start).join(""), element("mark", "", letters.slice(start, stop).join("")));
      end = stop;
    }
    shown.append(letters.slice(end).join(""));
    return shown;
  };

  const row = (hit) => {
    const made = document.createElement("li");
    const link = element("a", "hit");
    link.href = hit.url;
    link.append(element("span", "name", hit.title || hit.original));
    if (hit.heading && hit.heading !== hit.title) link.append(" ", element("span", "sub", hit.heading));
    const day = hit.timestamp.replace(/^(\d{4})(\d\d)(\d\d).*/, "$1-$2-$3");
    const facts = [hit.project, hit.source, hit.version, hit.locale, day].filter(Boolean).join(" \u00b7 ");
    made.append(link, element("p", "from", hit.original), snippet(hit));
    if (hit.others?.length) {
      const others = element("ul", "others");
      others.setAttribute("aria-label", "Also on this page");
      for (const other of hit.others) {
        const also = element("a", "hit", other.heading);
        also.href = other.url;
        const item = document.createElement("li");
        item.append(also);
        others.append(item);
      }
      made.append(others);
    }
    made.append(element("p", "dim", facts));
    return made;
  };

  const refresh = async () => {
    const query = new URLSearchParams({ q: box.value });
    for (const each of chosen) if (each.value) query.set(each.name, each.value);
    const turn = ++latest;
    let found;
    try {
      const answer = await fetch(`${root}/-/search.json?${query}&typing=1`);
      if (!answer.ok) return;
      found = await answer.json();
    } catch {
      return; // the form still works
    }
    if (turn !== latest) return;
    list.replaceChildren(...found.hits.map(row));
    list.start = 1;
    document.getElementById("pager")?.remove();
    const pages = found.total === 1 ? "1 page" : `${found.total.toLocaleString("en")} pages`;
    const some = found.loose ? ". No section has all of these words; these have some of them." : "";
    const words = found.total ? `${found.more ? "More than " : ""}${pages}${some}` : "Nothing found so far";
    said.textContent = box.value.trim() ? words : "Type what you are looking for";
    history.replaceState(null, "", `${root}/-/search?${query}`);
  };

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 80);
  });
  for (const each of chosen) each.addEventListener("change", refresh);
}
