import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { useKept } from './kept.ts';

export type Theme = 'light' | 'dark';

/** Light or dark: as the machine has it, live, until a person chose. */
export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  const [chosen, choose] = useKept('theme', '');
  const [machine, setMachine] = useState<Theme>(machineTheme);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setMachine(machineTheme());
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  const theme = chosen === 'dark' || chosen === 'light' ? chosen : machine;
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return [theme, choose];
}

const machineTheme = (): Theme => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
