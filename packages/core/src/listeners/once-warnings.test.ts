import { afterEach, describe, expect, it, vi } from 'vitest';
import { OnceWarnings } from './once-warnings.js';

describe('OnceWarnings', () => {
  afterEach(() => vi.restoreAllMocks());

  it('warns once of each subject', () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const warnings = new OnceWarnings();

    warnings.warn('key', 'key threw: first');
    warnings.warn('key', 'key threw: second');
    warnings.warn('isFailure', 'isFailure threw');

    expect(emitWarning.mock.calls.map(([message]) => message)).toEqual(['key threw: first', 'isFailure threw']);
  });

  it('remembers at most 100 subjects, and is silent beyond them', () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const warnings = new OnceWarnings();

    for (let subject = 0; subject < 150; subject += 1) warnings.warn(String(subject), 'again');

    expect(emitWarning).toHaveBeenCalledTimes(100);
  });
});
