import t from 'tap'
import { TemplateChanged, TemplateCreated, TemplateDeleted } from '../../../src/domain/templates/events.ts'
import { templateList } from '../../../src/projections/templates/template-list.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'

const templateId = 'tpl_01jz0000000000000000000000'
const content = {
  name: 'Über uns',
  subject: 'Hi {contact.first_name}',
  body: { format: 'html' as const, source: '<p>1' },
}
const envelope = { stream: `template-${templateId}` }
const created = {
  ...TemplateCreated({ templateId, version: 1, scope: { kind: 'personal', userId: 'u_1' }, content }),
  envelope,
}
const next = { ...content, name: 'B', body: { format: 'mjml' as const, source: '<mjml>' } }
const changed = {
  ...TemplateChanged({ templateId, version: 2, content: next }),
  envelope: { ...envelope, userId: 'u_2' },
}
const deleted = { ...TemplateDeleted({ templateId }), envelope }

t.test('the list shows the newest version, and every version stays', async (t) => {
  const { template, version } = await foldEvents(templateList, recordedEvents([created, changed]))
  t.same(template, [
    {
      id: templateId,
      scope: 'personal',
      user_id: 'u_1',
      name: 'B',
      sort_name: 'b',
      subject: content.subject,
      format: 'mjml',
      version: 2,
      is_deleted: false,
      created_at: '2026-01-01T00:00:00.000Z',
      changed_at: '2026-01-01T00:01:00.000Z',
      revision: 1,
    },
  ])
  t.match(version, [
    { version: 1, content, created_by: 'u_1' },
    { version: 2, content: next, created_by: 'u_2' },
  ])
})

t.test('a deleted template leaves the list and keeps its versions', async (t) => {
  const { template, version } = await foldEvents(templateList, recordedEvents([created, changed, deleted]))
  t.match(template, [{ is_deleted: true, revision: 2 }])
  t.equal(version.length, 2)
})

t.test('a shared template is nobody’s', async (t) => {
  const shared = TemplateCreated({ templateId, version: 1, scope: { kind: 'shared' }, content })
  const { template } = await foldEvents(templateList, recordedEvents([shared]))
  t.match(template, [{ scope: 'shared', user_id: null, sort_name: 'über uns' }])
  await t.rejects(foldEvents(templateList, recordedEvents([changed])), /not created/)
})
