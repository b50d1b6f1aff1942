// Two versions, a search that runs in a web worker, a base URL that is not the root, a part that is loaded late.
import { themes } from 'prism-react-renderer';

export default {
  title: 'Lantern Handbook',
  tagline: 'How a lantern is lit, kept and put out',
  favicon: 'img/lantern.svg',
  url: 'http://lantern.example',
  baseUrl: '/handbook/',
  // build.py adds npm's manual to the larger of the two sites; its links are of the site that it was written for.
  onBrokenLinks: process.env.MANUAL ? 'ignore' : 'throw',
  onBrokenAnchors: process.env.MANUAL ? 'ignore' : 'warn',
  markdown: { format: 'detect' },
  trailingSlash: true,
  presets: [
    [
      'classic',
      {
        blog: { showReadingTime: false, blogSidebarCount: 'ALL' },
        docs: { sidebarPath: './sidebars.js', lastVersion: 'current', versions: { current: { label: '2.0' } } },
        theme: { customCss: './src/css/custom.css' },
      },
    ],
  ],
  themes: [
    [
      '@easyops-cn/docusaurus-search-local',
      { hashed: 'query', indexBlog: true, indexPages: true, language: ['en', 'zh'] },
    ],
  ],
  themeConfig: {
    navbar: {
      title: 'Lantern',
      logo: { alt: 'A lantern', src: 'img/lantern.svg', srcDark: 'img/lantern-dark.svg' },
      items: [
        { type: 'docSidebar', sidebarId: 'handbook', label: 'Handbook' },
        { to: 'blog', label: 'Blog' },
        { type: 'docsVersionDropdown', position: 'right' },
      ],
    },
    prism: { theme: themes.github, darkTheme: themes.dracula, additionalLanguages: ['toml'] },
  },
};
