// A module that imports another one when a page asks for it, by an address relative to its own.
const { flame } = await import("./flame.js");
document.documentElement.dataset.flame = flame;
