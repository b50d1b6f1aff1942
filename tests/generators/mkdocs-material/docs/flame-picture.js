const shown = new Image();
shown.src = new URL('./img/flame.png', import.meta.url).href;

export const picture = shown.src;
