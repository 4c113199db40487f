import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ChartBlock } from '../messages/kit/message.ts';

const WIDTH = 960;
const HEIGHT = 420;
const FONT = 'Roboto';
/** Told apart without their colours too: each line has marks of its own. */
const LINES = [
  { colour: '#1264a3', mark: 'circle' },
  { colour: '#c0392b', mark: 'rect' },
  { colour: '#2b7a4b', mark: 'triangle' },
] as const;
const SHORT_OF = 8;

/**
 * A chart as a PNG, for where Slack does not take its own block. The libraries are loaded when a picture is first drawn: a Slack
 * that takes the block never needs them. The font comes with the bot, as a server may have none.
 */
export async function chartPicture({ title, chart }: ChartBlock): Promise<Buffer> {
  const [{ createCanvas, GlobalFonts }, { Chart, registerables }] = await Promise.all([
    import('@napi-rs/canvas'),
    import('chart.js'),
  ]);
  if (!GlobalFonts.has(FONT)) GlobalFonts.registerFromPath(fontFile(), FONT);
  Chart.register(...registerables);
  const canvas = createCanvas(WIDTH, HEIGHT);
  const { series, axis_config: axis } = chart;
  const text = { font: { family: FONT, size: 15 }, color: '#1d1c1d' };
  const named = (name: string | undefined) => ({ display: name !== undefined, text: name ?? '', ...text });
  const drawn = new Chart(canvas, {
    type: chart.type === 'bar' ? 'bar' : 'line',
    data: {
      labels: [...axis.categories],
      datasets: series.map(({ name, data }, at) => {
        const { colour, mark } = LINES[at % LINES.length] ?? LINES[0];
        return {
          label: name,
          data: data.map(({ value }) => value),
          borderColor: colour,
          backgroundColor: colour,
          pointStyle: mark,
          pointRadius: 5,
          borderWidth: 3,
          fill: chart.type === 'area',
        };
      }),
    },
    options: {
      responsive: false,
      animation: false,
      devicePixelRatio: 1,
      layout: { padding: 16 },
      plugins: {
        title: { display: true, text: title, ...text, font: { family: FONT, size: 20 } },
        legend: { display: series.length > 1, labels: { ...text, usePointStyle: true } },
      },
      scales: {
        x: { title: named(axis.x_label), ticks: { ...text, maxTicksLimit: SHORT_OF } },
        y: { beginAtZero: true, title: named(axis.y_label), ticks: text },
      },
    },
    plugins: [
      {
        id: 'paper',
        beforeDraw({ ctx, width, height }) {
          ctx.save();
          ctx.fillStyle = '#ffffff';
          ctx.fillRect(0, 0, width, height);
          ctx.restore();
        },
      },
    ],
  });
  try {
    return await canvas.encode('png');
  } finally {
    drawn.destroy();
  }
}

function fontFile(): string {
  const folder = dirname(createRequire(import.meta.url).resolve('@expo-google-fonts/roboto/package.json'));
  return join(folder, '400Regular', 'Roboto_400Regular.ttf');
}
