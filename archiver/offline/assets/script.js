// What the pages can do beyond plain HTML: copy commands, search while typing, move with the keyboard.
"use strict";

for (const line of document.querySelectorAll(".cmd")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy the command");
  button.addEventListener("click", async () => {
    const text = line.querySelector("code").textContent;
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // The clipboard needs a secure context, which plain HTTP on a LAN is not.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = done ? "Copied" : "Press Ctrl-C";
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
  line.append(button);
}

const box = document.getElementById("q");
const list = document.getElementById("hits");

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && box) {
    event.preventDefault();
    box.focus();
    box.select();
  }
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
  const source = document.getElementById("source");
  let latest = 0;
  let timer;

  const element = (tag, name, text) => {
    const made = document.createElement(tag);
    made.className = name;
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
    const facts = [hit.project, hit.source, day].filter(Boolean).join(" \u00b7 ");
    made.append(link, element("p", "from", hit.original), snippet(hit), element("p", "dim", facts));
    return made;
  };

  const refresh = async () => {
    const query = new URLSearchParams({ q: box.value, typing: "1" });
    if (source && source.value) query.set("source", source.value);
    const turn = ++latest;
    let found;
    try {
      const answer = await fetch(`/-/search.json?${query}`);
      if (!answer.ok) return;
      found = await answer.json();
    } catch {
      return; // the form still works
    }
    if (turn !== latest) return;
    list.replaceChildren(...found.hits.map(row));
    list.start = 1;
    document.getElementById("pager")?.remove();
    const many = found.total === 1 ? "1 result" : `${found.total.toLocaleString("en")} results`;
    said.textContent = box.value.trim() ? (found.total ? many : "Nothing found so far") : "Type what you are looking for";
    query.delete("typing");
    history.replaceState(null, "", `/-/search?${query}`);
  };

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 120);
  });
}
