import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { useStored } from './stored.ts';

export type Theme = 'light' | 'dark';

/** The colour scheme: the setting of the machine until a person chooses one. */
export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  const [chosen, choose] = useStored('theme', '');
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
