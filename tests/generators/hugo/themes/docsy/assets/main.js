// As in Docsy: the page says in a data attribute where the index is, the script asks for it at once.
const input = document.getElementById('search');
const titles = new Map();
const ready = fetch(input.dataset.offlineSearchIndexJsonSrc)
  .then((answer) => answer.json())
  .then((pages) =>
    lunr(function () {
      this.ref('ref');
      this.field('title', { boost: 2 });
      this.field('body');
      for (const page of pages) {
        titles.set(page.ref, page.title);
        this.add(page);
      }
    }),
  );

input.addEventListener('input', async () => {
  const index = await ready;
  const items = index.search(input.value).map(({ ref }) => {
    const link = document.createElement('a');
    link.href = input.dataset.offlineSearchBaseHref + ref.replace(/^\//, '');
    link.textContent = titles.get(ref);
    const item = document.createElement('li');
    item.append(link);
    return item;
  });
  document.getElementById('results').replaceChildren(...items);
});

document.getElementById('theme').addEventListener('click', () => document.documentElement.classList.toggle('dark'));
