// What the page can do beyond plain HTML: begin with the reader's system, and copy commands.
"use strict";

const agent = navigator.userAgent;
const system = agent.includes("Windows") ? "windows" : /Mac|iPhone|iPad/.test(agent) ? "macos" : "linux";
document.getElementById(`on-${system}`).checked = true;

// On paper nothing can be unfolded.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  for (const fold of unfolded) fold.open = true;
});
addEventListener("afterprint", () => { for (const fold of unfolded) fold.open = false; });

for (const lines of document.querySelectorAll(".lines")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy these commands");
  button.addEventListener("click", async () => {
    const text = lines.querySelector("code").textContent;
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Older browsers have no clipboard for pages that are files.
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
  lines.append(button);
}
