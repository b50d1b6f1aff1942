// Which version is read stands in the address; the sidebar lists that one, the select leads to the others.
(() => {
  const { home, index } = window.site;
  const version = (location.pathname.match(/\/docs\/(v[0-9.]+)\//) || [])[1];
  const select = document.querySelector("#version");
  if (version) {
    select.value = version;
    for (const item of document.querySelectorAll("nav li")) item.hidden = item.dataset.version !== version;
  }
  select.addEventListener("change", () => {
    location.href = version ? location.href.replace(`/docs/${version}/`, `/docs/${select.value}/`) : `${home}/docs/${select.value}/`;
  });
  const found = document.querySelector("#results");
  document.querySelector("#search").addEventListener("input", async event => {
    const pages = await (await fetch(index)).json();
    const hits = pages.filter(page => event.target.value && (page.title + page.content).includes(event.target.value));
    found.replaceChildren(...hits.map(page => {
      const item = document.createElement("li");
      const link = item.appendChild(document.createElement("a"));
      [link.href, link.textContent] = [page.href, page.title];
      return item;
    }));
  });
})();
