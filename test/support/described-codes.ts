type Answer = {
  readonly $ref?: string
  readonly content?: Readonly<Record<string, { readonly schema: unknown }>>
}
type Description = { readonly components: { readonly responses: Readonly<Record<string, Answer>> } }
type ProblemSchema = {
  readonly allOf?: readonly [
    { readonly $ref?: string },
    { readonly properties: { readonly code: { readonly enum: readonly string[] } } },
  ]
}

/** The codes that an answer can have by the API description; none if it is no problem. */
export const describedCodes = (description: Description, answer: Answer | undefined): readonly string[] => {
  if (answer?.$ref !== undefined)
    return describedCodes(description, description.components.responses[answer.$ref.split('/').at(-1)!])
  const { allOf } = (answer?.content?.['application/problem+json']?.schema ?? {}) as ProblemSchema
  return allOf?.[0].$ref === '#/components/schemas/Problem' ? allOf[1].properties.code.enum : []
}
