// As in Book: a template puts both addresses into the script; they are asked for when the box gets the focus.
{{ $data := resources.Get "search-data.json" | resources.ExecuteAsTemplate "en.search-data.json" . | minify | fingerprint }}
{{ $engine := resources.Get "fuse/fuse.min.js" }}
(function () {
  const searchDataURL = '{{ $data.RelPermalink }}';
  const searchEngineURL = '{{ $engine.RelPermalink }}';
  const input = document.getElementById('search');
  let index;

  input.addEventListener('focus', load, { once: true });
  input.addEventListener('input', search);

  function load() {
    Promise.all([import(searchEngineURL), fetch(searchDataURL).then((answer) => answer.json())])
      .then(([{ default: Fuse }, pages]) => {
        index = new Fuse(pages, { keys: ['title', 'content'], ignoreLocation: true, threshold: 0.1 });
      })
      .then(search);
  }

  function search() {
    const found = index && input.value ? index.search(input.value) : [];
    const items = found.map((result) => {
      const link = document.createElement('a');
      link.href = result.item.href;
      link.textContent = result.item.title;
      const item = document.createElement('li');
      item.append(link);
      return item;
    });
    document.getElementById('results').replaceChildren(...items);
  }

  document.getElementById('theme').addEventListener('click', () => document.documentElement.classList.toggle('dark'));
})();
