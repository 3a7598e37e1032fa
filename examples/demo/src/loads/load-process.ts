import { liveWithParent } from '../family.js';

/** What a load's process tells the demo. */
export type LoadMessage<Sample, Report> =
  { readonly sample: Sample } | { readonly report: Report } | { readonly failure: string };

/** Runs a load in this process: takes its plan from the command line, tells its samples, then its report, and ends. */
export async function runAsLoadProcess<Plan, Sample, Report>(
  load: (plan: Plan, tell: (sample: Sample) => void) => Promise<Report>,
): Promise<void> {
  liveWithParent();
  const send = (message: LoadMessage<Sample, Report>): Promise<void> =>
    new Promise((resolve) => {
      if (process.send === undefined) throw new Error('This module is started by the demo, not by hand.');
      process.send(message, () => resolve());
    });
  try {
    const plan = JSON.parse(process.argv[2] ?? 'null') as Plan;
    const report = await load(plan, (sample) => void send({ sample }));
    await send({ report });
  } catch (error) {
    await send({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  // A plain client may still hold tens of thousands of calls that nobody waits for.
  process.exit(0);
}
