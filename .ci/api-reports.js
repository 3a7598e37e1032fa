// Compares the built declarations of every published package with its report in docs/api, or writes the reports:
// node .ci/api-reports.js [--update]
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

const root = join(import.meta.dirname, '..');
const reports = join(root, 'docs/api');
const update = process.argv.includes('--update');
const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8'));

/** Returns whether the report of a package is as its declarations are, or was made so. Prints the difference. */
function isUpToDate(folder, temporary) {
  const directory = join(root, 'packages', folder);
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: join(directory, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: directory,
      mainEntryPointFilePath: join(directory, 'dist/index.d.ts'),
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions, files: ['dist/index.d.ts'] } },
      apiReport: {
        enabled: true,
        reportFileName: `${folder}.api.md`,
        reportFolder: reports,
        reportTempFolder: temporary,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: { logLevel: 'none' },
          'ae-forgotten-export': { logLevel: 'warning', addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  });
  const { apiReportChanged, errorCount } = Extractor.invoke(config, {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = message.logLevel !== 'error';
    },
  });
  if (apiReportChanged && !update) {
    const [before, now] = [config.reportFilePath, config.reportTempFilePath];
    spawnSync('git', ['--no-pager', 'diff', '--no-index', before, now], { stdio: 'inherit' });
  }
  return errorCount === 0 && (update || !apiReportChanged);
}

const temporary = mkdtempSync(join(tmpdir(), 'api-reports-'));
try {
  const changed = readdirSync(join(root, 'packages'))
    .filter((folder) => {
      return JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')).private !== true;
    })
    .filter((folder) => !isUpToDate(folder, temporary));
  if (changed.length > 0) {
    process.stderr.write(
      `The public surface changed: ${changed.join(', ')}. If that is meant: npm run api -- --update, and commit docs/api.\n`,
    );
    process.exitCode = 1;
  }
} finally {
  rmSync(temporary, { recursive: true });
}
