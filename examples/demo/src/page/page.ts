import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { CONTESTANTS, type ActResult, type Claim, type Plot } from '../act.js';
import { busyNote } from '../busy.js';
import { NAMES } from '../terminal/paint.js';
import { html, json, raw, type Html } from './html.js';

/** Writes one page that needs no other file and no network: the results, the claims and the plots. */
export async function writePage(path: string, results: readonly ActResult[]): Promise<void> {
  const require = createRequire(import.meta.url);
  const [style, script, chartStyle, chartScript] = await Promise.all([
    readFile(new URL('../../assets/page.css', import.meta.url), 'utf8'),
    readFile(new URL('../../assets/plots.js', import.meta.url), 'utf8'),
    readFile(require.resolve('uplot/dist/uPlot.min.css'), 'utf8'),
    readFile(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8'),
  ]);
  const plots = results.flatMap((result) => result.plots);
  const note = busyNote(results);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>grpc-manifold: the demo</title>
        <style>
          ${raw(chartStyle)}${raw(style)}
        </style>
      </head>
      <body>
        <main>
          <h1>One client, many connections</h1>
          <p class="quiet">
            The same generated client class, once as <b class="plain">${NAMES.plain}</b> makes it and once over a pool
            of <b class="pooled">${NAMES.pooled}</b>, both with their default options, against the same server.
          </p>
          ${note === undefined ? '' : html`<p class="card note">${note}</p>`}
          ${results.map((result) => actSection(result, plots))}
          <noscript><p class="card">The plots are drawn by a script that is part of this page.</p></noscript>
          <footer class="quiet">
            ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC · Node ${process.version} ·
            ${process.platform} ${process.arch} · ${String(cpus().length)} × ${cpus()[0]?.model.trim() ?? 'CPU'} ·
            client and server share this machine
          </footer>
        </main>
        <script type="application/json" id="plots">
          ${json(plots)}
        </script>
        <script>
          ${raw(chartScript)};
        </script>
        <script>
          ${raw(script)};
        </script>
      </body>
    </html>`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${page.text}\n`);
}

function actSection({ act, rows, claims, plots }: ActResult, all: readonly Plot[]): Html {
  return html`<section>
    <h2>Act ${act.name}: ${act.title}</h2>
    <p class="quiet">${act.setting}</p>
    <div class="plots">
      ${plots.map(
        (plot) =>
          html`<div class="card">
            <h3>${plot.title}</h3>
            <p>${plot.says}</p>
            <div class="plot" id="plot-${String(all.indexOf(plot))}"></div>
          </div>`,
      )}
    </div>
    <div class="card scroll">
      <table class="results">
        <thead>
          <tr>
            <th></th>
            ${CONTESTANTS.map((who) => html`<th class="${who}">${NAMES[who]}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ label, plain, pooled }) =>
              html`<tr>
                <th>${label}</th>
                <td>${plain}</td>
                <td>${pooled}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <div class="card">
      <h3>Claims</h3>
      <ul class="claims">
        ${claims.map(claimItem)}
      </ul>
    </div>
  </section>`;
}

function claimItem({ says, measured, holds }: Claim): Html {
  return html`<li class="${holds ? 'holds' : 'fails'}">
    <b>${holds ? '✓' : '✗'}</b>${says}: <strong>${measured}</strong>
  </li>`;
}
