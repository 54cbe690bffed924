/** Makes Node replace a part of the product with a faulty one; the product itself is unaware of it. */
export const plantedEnv = (plant: string): Record<string, string> => ({
  NODE_OPTIONS: `--import=${new URL('hook.ts', import.meta.url).href}`,
  TORTURE_PLANT: plant,
})
