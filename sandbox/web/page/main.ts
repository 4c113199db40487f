import { h, render } from 'preact';
import { App } from './app.ts';

const page = document.getElementById('page');
if (page) render(h(App, {}), page);
