// Python of a chart as it runs here: with the world of this studio, which may have an overlay or another date.
import { shared } from "./studio.svelte";

export function pythonHere(text: string): string {
  const load = shared.status?.load;
  if (!load) return text;
  const loaded = text.replace(/ps\.load_world\([^()]*\)/g, () => load);
  return shared.status.bundled ? loaded : loaded.replace(/ps\.open_run\(("[^"]*"|'[^']*')\)/g, (_, run) => `ps.open_run(${run}, world=${load})`);
}
