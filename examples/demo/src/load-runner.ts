import type { LoadModule } from './act.js';
import type { Family } from './family.js';
import type { LoadMessage } from './loads/load-process.js';

/** Runs a load in a child process; rejects with what it complained of when it ends without a report. */
export function runLoad<Plan, Sample, Report>(
  family: Family,
  load: LoadModule<Plan, Sample, Report>,
  plan: Plan,
  onSample: (sample: Sample) => void,
): Promise<Report> {
  const { child, complaint } = family.start(load.url, [JSON.stringify(plan)]);
  return new Promise((resolve, reject) => {
    let report: Report | undefined;
    let failure: string | undefined;
    child.on('message', (message: LoadMessage<Sample, Report>) => {
      if ('sample' in message) onSample(message.sample);
      else if ('report' in message) report = message.report;
      else failure = message.failure;
    });
    // Settles at 'close', not at the report: the next load must not share the machine with the end of this one.
    child.once('close', (code, signal) => {
      if (report !== undefined) return resolve(report);
      const why = failure ?? `it ended early (${signal ?? `exit code ${code}`})\n${complaint()}`;
      reject(new Error(`The load process failed: ${why.trim()}`));
    });
  });
}
