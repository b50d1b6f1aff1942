// Two languages, a search index in a chunk a language, a component that is loaded late.
import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitepress';

// build.py adds npm's manual to the larger of the two sites; its links are of the site that it was written for.
const large = Boolean(process.env.MANUAL);
const chapters = large ? readdirSync('manual') : [];
const pagesOf = (chapter) => readdirSync(`manual/${chapter}`).map((file) => file.replace('.md', ''));

export default defineConfig({
  title: 'Lantern',
  description: 'How a lantern is lit, kept and put out',
  head: [['link', { rel: 'icon', href: '/img/lantern.svg' }]],
  ignoreDeadLinks: large,
  sitemap: { hostname: 'http://lantern.example' },
  locales: {
    root: { label: 'English', lang: 'en' },
    zh: { label: '简体中文', lang: 'zh', themeConfig: { nav: [{ text: '首页', link: '/zh/' }] } },
  },
  themeConfig: {
    logo: { light: '/img/lantern.svg', dark: '/img/lantern-dark.svg' },
    i18nRouting: false,
    search: { provider: 'local' },
    nav: [{ text: 'Guide', link: '/guide/install' }],
    sidebar: [
      {
        text: 'Guide',
        items: [
          { text: 'Install', link: '/guide/install' },
          { text: 'Trim the wick', link: '/guide/trimming' },
        ],
      },
      { text: 'Reference', collapsed: true, items: [{ text: 'Settings', link: '/reference/settings' }] },
      ...chapters.map((chapter) => ({
        text: chapter,
        collapsed: true,
        items: pagesOf(chapter).map((page) => ({ text: page, link: `/manual/${chapter}/${page}` })),
      })),
    ],
  },
});
