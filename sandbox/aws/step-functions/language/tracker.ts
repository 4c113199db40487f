import { stopped } from '../errors.ts';
import { type Machine, machinesIn, statesOf, withMachines } from './machine.ts';
import { contextKeyOf } from './prepare.ts';

/** What a task returned or how it failed, in the order of its attempts. */
type Attempt =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: unknown };
/** The attempts of each task of an execution, by the name of its state: what a redrive does not repeat. */
export type TaskLog = ReadonlyMap<string, readonly Attempt[]>;

interface Level {
  readonly machine: Machine;
  readonly container: string | undefined;
  readonly inner: Level[];
  current: string | undefined;
  /** A branch or an iteration begins. */
  begins: boolean;
  /** The interpreter reads StartAt twice when a branch or an iteration begins: to look the state up, and to keep its name. */
  reads: number;
}
interface Tape {
  readonly attempts: Attempt[];
  position: number;
  /** The position when the state was entered. */
  entered: number;
}

/**
 * Watches the states that an execution enters. The events of the interpreter come too late for that; it is notified when
 * the interpreter looks a state up. From that come `$$.State`, and the log with which a redrive continues: it runs the machine
 * again, but tasks that have an attempt on the log answer with it and are not called. A redrive therefore arrives at the
 * state that failed, calls it when it is a task, and fails again when it is a Fail state, as Step Functions does.
 * For that, the tasks of a machine must come in one order (`definition.ts`).
 * Attempts of a Parallel or Map state that is retried are forgotten, and so are the attempts of the task that failed last.
 */
export function createTracker(machine: Machine, log: TaskLog | undefined, now: () => number) {
  const states: Record<string, { Name: string; EnteredTime: string; RetryCount: number }> = {};
  const tapes = new Map<string, Tape>();
  const tasksIn = new Map<string, readonly string[]>();
  const containerStart = new Map<string, ReadonlyMap<string, number>>();
  /** Containers whose failure was compared with their Retry. */
  const failed = new Set<string>();
  for (const [name, state] of statesOf(machine)) {
    if (state.Type === 'Task') tapes.set(name, { attempts: [...(log?.get(name) ?? [])], position: 0, entered: 0 });
    const inside = machinesIn(state).flatMap((inner) => [...statesOf(inner)]);
    if (inside.length > 0)
      tasksIn.set(
        name,
        inside.filter(([, { Type }]) => Type === 'Task').map(([task]) => task),
      );
  }

  const forget = (level: Level): void => {
    for (const inner of level.inner) {
      inner.current = undefined;
      forget(inner);
    }
  };

  function retry(container: string): void {
    failed.delete(container);
    const state = states[contextKeyOf(container)];
    if (state) state.RetryCount += 1;
    for (const [task, start] of containerStart.get(container) ?? []) {
      const tape = tapes.get(task);
      if (!tape) continue;
      tape.attempts.splice(start, tape.position - start);
      tape.position = start;
    }
  }

  /** Whether the last branch or iteration of this level did not reach its end. */
  function hasFailed(level: Level): boolean {
    const { current } = level;
    if (current === undefined) return false;
    const state = level.machine.States[current];
    const tape = tapes.get(current);
    return (
      (state?.End !== true && state?.Type !== 'Succeed') ||
      (tape !== undefined && tape.attempts[tape.position - 1]?.kind !== 'returned') ||
      level.inner.some(hasFailed)
    );
  }

  function enter(level: Level, name: string): void {
    const { container, begins } = level;
    level.begins = false;
    if (container !== undefined && begins) {
      if (failed.has(container)) retry(container);
      // The interpreter begins the other iterations of a Map state of which one failed.
      else if (hasFailed(level)) throw stopped();
    }
    for (const [left] of Object.entries(level.machine.States)) failed.delete(left);
    forget(level);
    level.current = name;
    states[contextKeyOf(name)] = { Name: name, EnteredTime: new Date(now()).toISOString(), RetryCount: 0 };
    const tape = tapes.get(name);
    if (tape) tape.entered = tape.position;
    const tasks = tasksIn.get(name);
    if (tasks) containerStart.set(name, new Map(tasks.map((task) => [task, tapes.get(task)?.position ?? 0])));
  }

  function watch(watched: Machine, outer: Level | undefined, container: string | undefined): Machine {
    const level: Level = { machine: watched, container, inner: [], current: undefined, begins: false, reads: 0 };
    outer?.inner.push(level);
    if (!outer) root = level;
    const entries = Object.entries(watched.States).map(
      ([name, state]) => [name, withMachines(state, (inner) => watch(inner, level, name))] as const,
    );
    return {
      ...watched,
      get StartAt() {
        level.reads += 1;
        level.begins = level.reads % 2 === 1;
        return watched.StartAt;
      },
      States: new Proxy(Object.fromEntries(entries), {
        get(target, name) {
          if (typeof name === 'string' && Object.hasOwn(target, name)) enter(level, name);
          return Reflect.get(target, name);
        },
      }),
    };
  }
  let root: Level | undefined;
  const watched = watch(machine, undefined, undefined);

  const isReplaying = (): boolean => [...tapes.values()].some(({ attempts, position }) => position < attempts.length);

  /** Forgets the attempts of the task at which the execution ended. */
  function rewind(level: Level): void {
    const tape = level.current === undefined ? undefined : tapes.get(level.current);
    if (tape && (tape.position === tape.entered || tape.attempts[tape.position - 1]?.kind !== 'returned'))
      tape.attempts.length = tape.entered;
    for (const inner of level.inner) rewind(inner);
  }

  return {
    /** The machine for the interpreter. */
    watched,
    /** `$$.State` of each state, by its key. */
    states,
    /** Answers from the log, or calls and adds the attempt to the log. @throws what the task throws */
    async attempt(name: string, call: () => Promise<unknown>): Promise<unknown> {
      const tape = tapes.get(name);
      if (!tape) return call();
      const recorded = tape.attempts[tape.position];
      if (recorded) tape.position += 1;
      const attempt = recorded ?? (await attempted(call));
      if (!recorded) {
        tape.attempts.length = tape.position;
        tape.attempts.push(attempt);
        tape.position += 1;
      }
      if (attempt.kind === 'returned') return attempt.value;
      const state = states[contextKeyOf(name)];
      if (state) state.RetryCount += 1;
      throw attempt.error;
    },
    isReplaying,
    /** To be called when a state with Retry failed, before it may be retried. */
    noteFailure(name: string): void {
      if (tasksIn.has(name)) failed.add(name);
    },
    /** What a redrive needs. To be called when the execution has ended. */
    log(): TaskLog {
      if (root) rewind(root);
      return new Map([...tapes].map(([name, { attempts }]) => [name, [...attempts]]));
    },
  };
}

async function attempted(call: () => Promise<unknown>): Promise<Attempt> {
  try {
    return { kind: 'returned', value: await call() };
  } catch (error) {
    return { kind: 'failed', error };
  }
}
