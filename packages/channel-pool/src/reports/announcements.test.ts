import { describe, expect, it } from 'vitest';
import { Announcements } from './announcements.js';

describe('announcements', () => {
  it('are made at once where no operation is under way', () => {
    const told: number[] = [];
    new Announcements().tell(() => told.push(1));
    expect(told).toEqual([1]);
  });

  it('are made when the outermost operation is over, in order', () => {
    const announcements = new Announcements();
    const told: string[] = [];
    const returned = announcements.during(() => {
      announcements.tell(() => told.push('first'));
      announcements.during(() => announcements.tell(() => told.push('second')));
      expect(told).toEqual([]);
      return 'done';
    });
    expect([returned, ...told]).toEqual(['done', 'first', 'second']);
  });

  it('that lead to others are followed by what was there before', () => {
    const announcements = new Announcements();
    const told: string[] = [];
    announcements.during(() => {
      announcements.tell(() => {
        announcements.during(() => announcements.tell(() => told.push('third')));
        told.push('first');
      });
      announcements.tell(() => told.push('second'));
    });
    expect(told).toEqual(['first', 'second', 'third']);
  });

  it('are made also when the operation throws', () => {
    const announcements = new Announcements();
    const told: string[] = [];
    const operation = (): void => {
      announcements.tell(() => told.push('told'));
      throw new Error('broken');
    };
    expect(() => announcements.during(operation)).toThrow('broken');
    expect(told).toEqual(['told']);
  });
});
