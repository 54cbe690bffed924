import fc from 'fast-check'
import t from 'tap'
import { NotFound } from '../../../src/domain/decider.ts'
import {
  TemplateChanged,
  TemplateCreated,
  TemplateDeleted,
  type TemplateContent,
  type TemplateEvent,
} from '../../../src/domain/templates/events.ts'
import { template, type Template, type TemplateCommand } from '../../../src/domain/templates/template.ts'

const templateId = 'tpl_01jz0000000000000000000000'
const of = { templateId, by: 'u_1' }
const content: TemplateContent = {
  name: 'Follow-up Email',
  subject: 'Following up on {deal.name}',
  body: { format: 'html', source: '<p>Hi {contact.first_name|there},</p>{signature}' },
}
const mine = { kind: 'personal', userId: 'u_1' } as const
const shared = { kind: 'shared' } as const

const after = (...events: TemplateEvent[]): Template => events.reduce(template.evolve, template.initial)
const created = (scope: typeof mine | typeof shared = mine) =>
  TemplateCreated({ templateId, version: 1, scope, content })
const renamed = TemplateChanged({ templateId, version: 2, content: { ...content, name: 'Other' } })
const deleted = TemplateDeleted({ templateId })

t.test('a template begins with version 1, and each change is the next', async (t) => {
  t.same(template.decide({ ...of, do: 'create', scope: mine, content }, after()), [created()])
  t.same(template.decide({ ...of, do: 'change', content: { name: 'Other' } }, after(created())), [renamed])
  t.same(template.decide({ ...of, do: 'change', content }, after(created(), renamed)), [
    TemplateChanged({ templateId, version: 3, content }),
  ])
  t.same(template.decide({ ...of, do: 'delete' }, after(created())), [deleted])
})

t.test('the same again is nothing', async (t) => {
  t.same(template.decide({ ...of, do: 'create', scope: mine, content }, after(created())), [])
  t.same(template.decide({ ...of, do: 'change', content: {} }, after(created())), [])
  t.same(template.decide({ ...of, do: 'change', content: structuredClone(content) }, after(created())), [])
  t.same(template.decide({ ...of, do: 'delete' }, after(created(), deleted)), [])
})

t.test('a personal template is its user’s alone, a shared one everybody’s', async (t) => {
  for (const by of ['u_2', null]) {
    t.throws(() => template.decide({ templateId, by, do: 'create', scope: mine, content }, after()), {
      code: 'not-your-template',
    })
    for (const command of [{ do: 'change', content: { name: 'x' } } as const, { do: 'delete' } as const]) {
      t.throws(() => template.decide({ templateId, by, ...command }, after(created())), NotFound)
      t.equal(template.decide({ templateId, by, ...command }, after(created(shared))).length, 1)
    }
  }
})

t.test('what was never made or is deleted cannot be changed', async (t) => {
  t.throws(() => template.decide({ ...of, do: 'change', content: { name: 'x' } }, after()), NotFound)
  t.throws(() => template.decide({ ...of, do: 'delete' }, after()), NotFound)
  t.throws(
    () => template.decide({ ...of, do: 'change', content: { name: 'x' } }, after(created(), deleted)),
    NotFound,
  )
})

t.test('a variable that could never be filled in is refused when it is saved', async (t) => {
  const html = (source: string) => ({ body: { format: 'html' as const, source } })
  const mjml = (source: string) => ({ body: { format: 'mjml' as const, source } })
  const refused: [Partial<TemplateContent>, string][] = [
    [{ subject: 'Hi {contact.frist_name}' }, 'unknown-variable'],
    [{ subject: '{signature}' }, 'misplaced-variable'],
    [html('{user.nmae}'), 'unknown-variable'],
    [html('<a href="{deal.name}">'), 'misplaced-variable'],
    [mjml('<mj-text>{user.nmae}</mj-text>'), 'unknown-variable'],
  ]
  for (const [change, code] of refused) {
    t.throws(() => template.decide({ ...of, do: 'change', content: change }, after(created())), { code })
    const create = { ...of, do: 'create', scope: mine, content: { ...content, ...change } } as const
    t.throws(() => template.decide(create, after()), { code })
  }
  const fine = [html('<style>.a{color:red}</style>{ a: 1 }'), mjml('<mj-text>{signature}</mj-text>')]
  for (const change of fine)
    t.equal(template.decide({ ...of, do: 'change', content: change }, after(created())).length, 1)
})

t.test(
  'law: deciding is deterministic and changes nothing, and a replay of the stored events is the same state',
  async (t) => {
    const by = fc.constantFrom('u_1', 'u_2', null)
    const part: fc.Arbitrary<Partial<TemplateContent>> = fc.record(
      {
        name: fc.constantFrom('a', 'b'),
        subject: fc.constantFrom('', '{deal.name}', '{deal.nam}'),
        body: fc.record({
          format: fc.constantFrom('html', 'mjml'),
          source: fc.constantFrom('', '{user.name}'),
        }),
      },
      { requiredKeys: [] },
    )
    const command: fc.Arbitrary<TemplateCommand> = fc.oneof(
      fc.record({
        do: fc.constant('create'),
        by,
        templateId: fc.constant(templateId),
        scope: fc.constantFrom(mine, shared),
        content: part.map((over) => ({ ...content, ...over })),
      }),
      fc.record({ do: fc.constant('change'), by, templateId: fc.constant(templateId), content: part }),
      fc.record({ do: fc.constant('delete'), by, templateId: fc.constant(templateId) }),
    )
    const attempt = (given: TemplateCommand, state: Template) => {
      try {
        return template.decide(given, state)
      } catch (error) {
        return String(error)
      }
    }
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
        let state = template.initial
        const log: TemplateEvent[] = []
        for (const given of commands) {
          const before = JSON.stringify(state)
          const decided = attempt(given, state)
          t.equal(JSON.stringify(state), before)
          t.same(attempt(given, state), decided)
          if (typeof decided === 'string') continue
          log.push(...decided)
          state = decided.reduce(template.evolve, state)
          t.equal(attempt({ ...given }, state).length === 0 || given.do !== 'change', true)
        }
        t.same(after(...(JSON.parse(JSON.stringify(log)) as TemplateEvent[])), state)
        const versions = log.flatMap((event) => ('version' in event.data ? [event.data.version] : []))
        t.same(
          versions,
          versions.map((_, index) => index + 1),
        )
      }),
      { numRuns: 100 },
    )
  },
)
