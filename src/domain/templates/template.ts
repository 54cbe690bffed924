import { NotFound, type Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import { refuseProblems, variableProblems, type Located, type VariableProblem } from './render.ts'
import {
  TemplateChanged,
  TemplateCreated,
  TemplateDeleted,
  type TemplateContent,
  type TemplateEvent,
  type TemplateScope,
} from './events.ts'

// ---------------------------------------------------------------- state

/** A template that was created, even if it was deleted since. */
type KnownTemplate = {
  readonly status: 'active' | 'deleted'
  readonly templateId: string
  readonly version: number
  readonly scope: TemplateScope
  readonly content: TemplateContent
}
export type Template = { readonly status: 'none' } | KnownTemplate

// ---------------------------------------------------------------- commands

/** `by` is the acting user; null if a program acts for nobody. */
export type TemplateCommand = { readonly by: string | null; readonly templateId: string } & (
  | { readonly do: 'create'; readonly scope: TemplateScope; readonly content: TemplateContent }
  | { readonly do: 'change'; readonly content: Partial<TemplateContent> }
  | { readonly do: 'delete' }
)

// ---------------------------------------------------------------- evolve

const evolve = (state: Template, event: TemplateEvent): Template => {
  if (event.type === 'TemplateCreated') return { ...event.data, status: 'active' }
  if (state.status === 'none') return state
  switch (event.type) {
    case 'TemplateChanged':
      return { ...state, version: event.data.version, content: event.data.content }
    case 'TemplateDeleted':
      return { ...state, status: 'deleted' }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: TemplateCommand, state: Template): TemplateEvent[] => {
  const { templateId, by } = command
  if (command.do === 'create') {
    if (state.status !== 'none') return []
    requireOwnScope(command.scope, by)
    refuseWrongVariables(command.content)
    return [TemplateCreated({ templateId, version: 1, scope: command.scope, content: command.content })]
  }
  // Other users' templates must look as if they did not exist.
  if (state.status === 'none' || !maySee(state.scope, by)) throw new NotFound('template', templateId)
  if (command.do === 'delete') return state.status === 'deleted' ? [] : [TemplateDeleted({ templateId })]
  if (state.status === 'deleted') throw new NotFound('template', templateId)
  const content = { ...state.content, ...command.content }
  if (same(content, state.content)) return []
  refuseWrongVariables(content)
  return [TemplateChanged({ templateId, version: state.version + 1, content })]
}

/** Whether a user (null: nobody in particular) may see and change templates of this scope. */
export const maySee = (scope: TemplateScope, by: string | null): boolean =>
  scope.kind === 'shared' || scope.userId === by

const notYourTemplate = defineRefusal('not-your-template', {
  title: 'Not your template',
  meaning: 'Only its owner can create or change a personal template.',
  remedy: 'Act as that user (Mailtrail-User), or share the template.',
})

const requireOwnScope = (scope: TemplateScope, by: string | null) => {
  if (!maySee(scope, by)) throw notYourTemplate()
}

const refuseWrongVariables = ({ subject, body }: TemplateContent) => {
  const problems = [
    ...located(variableProblems(subject, 'header'), 'subject'),
    // In MJML, where a variable ends up is known only after compiling.
    ...(body.format === 'html'
      ? located(variableProblems(body.source, 'html'), 'body')
      : located(variableProblems(body.source, 'text'), 'body').filter(
          ({ problem }) => problem === 'unknown',
        )),
  ]
  refuseProblems(problems)
}

const located = (
  problems: readonly VariableProblem[],
  where: 'subject' | 'body',
): Located<VariableProblem>[] => problems.map((problem) => ({ ...problem, where }))

const same = (one: TemplateContent, other: TemplateContent): boolean =>
  one.name === other.name &&
  one.subject === other.subject &&
  one.body.format === other.body.format &&
  one.body.source === other.body.source

export const template: Decider<Template, TemplateCommand, TemplateEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}
