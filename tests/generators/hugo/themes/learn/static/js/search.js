// As in Learn: the site's address, from a script in the page, and a name put together are the index's address.
// As in Relearn, which came of it: a second index is a script that is added when the box gets the focus.
var pages = [];
var lunrIndex;

function endsWith(text, suffix) {
  return text.indexOf(suffix, text.length - suffix.length) !== -1;
}

function initLunr() {
  if (!endsWith(baseurl, '/')) {
    baseurl = baseurl + '/';
  }
  var request = new XMLHttpRequest();
  request.open('GET', baseurl + 'index.json');
  request.onload = function () {
    pages = JSON.parse(request.responseText);
    lunrIndex = lunr(function () {
      this.ref('uri');
      this.field('title', { boost: 15 });
      this.field('content', { boost: 5 });
      pages.forEach(function (page) {
        this.add(page);
      }, this);
    });
  };
  request.send();
}

function initIndexScript() {
  var script = document.createElement('script');
  script.src = window.index_js_url;
  script.setAttribute('async', '');
  document.head.appendChild(script);
}

function search(term) {
  var list = document.getElementById('results');
  list.textContent = '';
  (lunrIndex ? lunrIndex.search(term) : []).forEach(function (result) {
    var page = pages.filter(function (candidate) {
      return candidate.uri === result.ref;
    })[0];
    var link = document.createElement('a');
    link.href = page.uri;
    link.textContent = page.title;
    list.appendChild(document.createElement('li')).appendChild(link);
  });
}

initLunr();
document.getElementById('search').addEventListener('focus', initIndexScript, { once: true });
document.getElementById('search').addEventListener('input', function (event) {
  search(event.target.value);
});
document.getElementById('theme').addEventListener('click', function () {
  document.documentElement.classList.toggle('dark');
});
