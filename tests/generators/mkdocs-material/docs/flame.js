import { picture } from './flame-picture.js';

export const flame = picture;
