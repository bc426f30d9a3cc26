// Which parts of a long page are open: told in the address. "none" where all were folded.
import { keep, route } from "./route.svelte";

export const openParts = (): string[] => (route.params.open ?? "").split(".").filter((id) => id && id !== "none");
export const keepOpen = (ids: string[]): void => keep({ open: ids.join(".") || "none" });
