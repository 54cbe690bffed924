/** What makes Node put a fault in place of a part of the product; the product itself knows nothing of it. */
export const plantedEnv = (plant: string): Record<string, string> => ({
  NODE_OPTIONS: `--import=${new URL('hook.ts', import.meta.url).href}`,
  TORTURE_PLANT: plant,
})
