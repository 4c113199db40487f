import { commonTokens, declareFactoryPlugin, type Injector, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import { MutantRunStatus, type TestRunner } from '@stryker-mutator/api/test-runner';
import { strykerPlugins as vitestPlugins } from '@stryker-mutator/vitest-runner';

const NOT_LOADED = 'The tests could not be loaded.';

/**
 * Stryker's vitest runner without its choice of tests by name. Vitest 5 joins the names of groups and tests with " > ", the runner
 * with a blank, so tests inside of a `describe` would not run and their mutants would seem to survive. A mutant with which the tests
 * cannot be loaded has no test that fails; it is noticed all the same.
 */
function createRunner(injector: Injector): TestRunner {
  const [plugin] = vitestPlugins;
  if (plugin === undefined) throw new Error('The vitest runner of Stryker has no plugin.');
  const runner = plugin.factory(injector);
  return {
    capabilities: () => runner.capabilities(),
    init: async () => runner.init?.(),
    dryRun: (options) => runner.dryRun(options),
    mutantRun: async ({ testFilter: _, ...options }) => {
      const result = await runner.mutantRun(options);
      if (result.status !== MutantRunStatus.Survived || result.nrOfTests > 0) return result;
      return { status: MutantRunStatus.Killed, killedBy: [], failureMessage: NOT_LOADED, nrOfTests: 0 };
    },
    dispose: async () => runner.dispose?.(),
  };
}
createRunner.inject = tokens(commonTokens.injector);

export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'vitest-all', createRunner)];
