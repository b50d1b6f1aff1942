export default {
  handbook: [
    'intro',
    { type: 'category', label: 'Guide', link: { type: 'generated-index' }, items: ['guide/install', 'guide/trimming'] },
    { type: 'category', label: 'Reference', items: ['reference/settings'] },
  ],
};
