/** What a code of ours says, whatever the occasion: for its page at `/problems/<code>`. */
export type ProblemHelp = { readonly title: string; readonly meaning: string; readonly remedy: string }

type Entry = readonly [title: string, meaning: string, remedy: string]

/** Requests that cannot be taken as they are, whatever they ask for. */
const requests: Readonly<Record<string, Entry>> = {
  'no-such-route': [
    'No such address',
    'There is no operation at this address.',
    'See /docs for what there is.',
  ],
  'not-found': [
    'Not found',
    'There is nothing with this id, or it is not the acting user’s to see.',
    'Check the id; the list of the resource shows those that exist.',
  ],
  'bad-request': [
    'Bad request',
    'The request cannot be understood.',
    'Check it against the description at /docs.',
  ],
  'invalid-request': [
    'Not the documented form',
    'A field is missing, unknown or not of its form; `errors` lists each with its path.',
    'Correct the listed fields.',
  ],
  'malformed-json': ['Not JSON', 'The body is not JSON in UTF-8.', 'Send a JSON object.'],
  'unsupported-media-type': [
    'Unsupported media type',
    'The body has a type that this operation does not take.',
    'Send JSON as application/json.',
  ],
  'body-too-large': [
    'Too large',
    'The body is larger than this operation takes.',
    'Send less: files are uploaded one by one, 25 MB each at most.',
  ],
  'file-empty': ['Empty file', 'The body of an upload is empty.', 'Send the file as the body.'],
  'invalid-character': [
    'Invalid character',
    'The address has a character that no name has, such as U+0000.',
    'Leave it out.',
  ],
  'invalid-position': [
    'Invalid position',
    '`min_position` is not a position that an answer gave.',
    'Send the `Event-Position` of an answer as it was given.',
  ],
  'key-bound': [
    'Key is bound',
    'The API key acts for one user, and such a key manages no keys.',
    'Use a key that is not bound to a user.',
  ],
  'scope-not-held': [
    'Scope not held',
    'A key can be given only what the key in use may do itself.',
    'Ask for permissions that the key in use has.',
  ],
  'invalid-cursor': ['Invalid cursor', 'The cursor is not one that a list gave.', 'Start at the first page.'],
  'invalid-period': [
    'Invalid period',
    'A report is of a named period, or from a first day to a last one that is not before it.',
    'Send either period, or both from and to.',
  ],
  'account-required': [
    'Account required',
    'A list of messages is of an account, of a folder of it, or of a thread.',
    'Give account, account and folder, or thread.',
  ],
  'not-authenticated': [
    'Not authenticated',
    'The request carries no API key, or one that is wrong, expired or revoked.',
    'Send a valid key as "Authorization: Bearer mt_…". The first one was shown at the first start.',
  ],
  'permission-missing': [
    'Permission missing',
    'The API key is not allowed this operation; /docs says which permission each one asks for.',
    'Use a key that has the permission, or have one made.',
  ],
  'invalid-user': [
    'Invalid user',
    'Mailtrail-User is not an id of a user.',
    "Send the CRM's own id of the user.",
  ],
  'other-user': [
    'Another user',
    'The API key is bound to one user, and the request names another.',
    'Leave Mailtrail-User out, or use a key that is not bound.',
  ],
  'user-required': [
    'User required',
    'What is asked for belongs to a user, and the request is made for none.',
    'Name the user in Mailtrail-User.',
  ],
  'invalid-idempotency-key': [
    'Invalid Idempotency-Key',
    'An Idempotency-Key has 1 to 255 characters.',
    'Send a UUID of your own making, the same one for each repeat of a request.',
  ],
  'idempotency-key-in-use': [
    'Being worked on',
    'A request with this Idempotency-Key is under way.',
    'Wait, and send it again to get its answer.',
  ],
  'idempotency-key-reused': [
    'Idempotency-Key reused',
    'This Idempotency-Key was used for a different request.',
    'Make a new key for each new request.',
  ],
  'if-match-required': [
    'Version required',
    'The change must say which version of the resource it is based on.',
    'Read the resource and send its ETag as If-Match.',
  ],
  'invalid-if-match': [
    'Invalid If-Match',
    'If-Match is not an ETag of ours.',
    'Send the ETag as it was given.',
  ],
  'stale-version': [
    'Version is stale',
    'Somebody changed the resource after it was read; nothing was changed by this request.',
    'Read it again, apply the change to what it says now, and send its new ETag.',
  ],
  conflict: [
    'Conflict',
    'Others changed the same resource at the same time, several times over; nothing was changed by this request.',
    'Send the request again.',
  ],
  'not-caught-up': [
    'Not caught up',
    'The read model has not come as far as `min_position` in time.',
    'Ask again after Retry-After seconds, or leave min_position out to take what there is.',
  ],
  'not-first-parked': [
    'Not the first parked event',
    'A stream waits behind its first parked event, and only that one can be skipped. It is another by now.',
    'List the parked streams again, and decide by what is there now.',
  ],
  'database-away': [
    'Database away',
    'The database does not answer. What was acknowledged is safe.',
    'Try again; the same Idempotency-Key makes the repeat safe.',
  ],
  'not-ready': [
    'Not ready',
    'The process is up, but something that it needs does not answer; the detail says what.',
    'Send requests to another process; this one is asked again in a moment.',
  ],
  'event-log-away': [
    'Event log away',
    'The event log does not answer, so nobody can tell whether the request was recorded.',
    'Send it again with the same Idempotency-Key: it takes effect once.',
  ],
  'newer-version-needed': [
    'Newer version needed',
    'A newer version of the software recorded something of which this one does not know the form; it decides and tells nothing without it.',
    'Ask again when the newer version runs again.',
  ],
  internal: [
    'Internal error',
    'Something went wrong on our side; nothing was half done. The log has it under the trace id.',
    'Try again with the same Idempotency-Key; tell the operator the trace id if it goes on.',
  ],
}

/** Rules of the product that said no: nothing was changed. */
const rules: Readonly<Record<string, Entry>> = {
  'account-disconnected': [
    'Account disconnected',
    'The account was disconnected, and its passwords destroyed. That cannot be undone.',
    'Connect the mailbox again as a new account.',
  ],
  'account-missing': [
    'No account to send from',
    'The message names no account, and neither the user nor the team has a default one.',
    'Name the account, or choose a default one.',
  ],
  'account-paused': [
    'Account paused',
    'A paused account neither syncs nor sends.',
    'Resume the account first.',
  ],
  'account-receives-no-mail': [
    'No IMAP server',
    'The account has no IMAP server to sync from.',
    'Add the IMAP settings of the account.',
  ],
  'account-sends-no-mail': [
    'No SMTP server',
    'The account has no SMTP server to send through.',
    'Add the SMTP settings of the account.',
  ],
  'account-without-server': [
    'No server at all',
    'An account has an SMTP server, an IMAP server or both.',
    'Give the settings of at least one of the two.',
  ],
  'already-queued': [
    'Already queued',
    'A draft that was queued is fixed, and can no longer be changed.',
    'Cancel the message while it waits, and write a new one.',
  ],
  'attachment-missing': [
    'Attachment missing',
    'The message names a file that was never uploaded.',
    'Upload the file, and name it as the answer does.',
  ],
  'attachments-too-large': [
    'Attachments too large',
    'The files of a message are 25 MB together at most.',
    'Send fewer files, or links to them.',
  ],
  'attempt-over': [
    'Attempt is over',
    'A later attempt to send the message has begun.',
    'Nothing: that attempt goes on.',
  ],
  'connection-test-failed': [
    'Connection test failed',
    'The mail server could not be used; `details.steps` shows how far it went.',
    'Follow the remedy of the first step that failed.',
  ],
  'credentials-missing': [
    'No password kept',
    'The account has no password for its server, or it was destroyed.',
    'Enter the passwords of the account again.',
  ],
  'draft-discarded': ['Draft discarded', 'The draft was discarded.', 'Write a new one.'],
  'header-control-character': [
    'Control character in a header',
    'A subject, name or address has a line break or another control character in it, which could forge a header.',
    'Write it in one line, without control characters.',
  ],
  'invalid-address': ['Invalid address', 'An address is not an email address (RFC 5321).', 'Correct it.'],
  'message-not-quarantined': [
    'Not quarantined',
    'Only messages that could not be read can be retried or skipped.',
    'See the sync errors of the account for those that are.',
  ],
  'message-unknown': ['No such message', 'There is no message with this id.', 'Check the id of the message.'],
  'message-unreadable': [
    'Message unreadable',
    'The message is damaged, or beyond the limits within which it is read. Its bytes are kept.',
    'Get it raw, and open it with a mail program.',
  ],
  'misplaced-variable': [
    'Misplaced variable',
    'A variable stands where no value can be written safely, as in a tag or a style.',
    'Put it into running text, or into an attribute in quotation marks.',
  ],
  'no-recipient': ['No recipient', 'The message has no recipient.', 'Name somebody in To, Cc or Bcc.'],
  'not-due': ['Not due', 'The message is not due yet.', 'Wait until it is; it goes by itself.'],
  'not-queued': ['Not queued', 'What has not been queued cannot be cancelled.', 'Discard the draft instead.'],
  'not-your-account': [
    'Not your account',
    'The account belongs to another user.',
    'Send from an account of your own or of the team.',
  ],
  'not-your-template': [
    'Not your template',
    'A personal template is made and changed by its own user only.',
    'Ask as that user (Mailtrail-User), or make the template a shared one.',
  ],
  'nothing-to-retry': [
    'Nothing to try again',
    'Only a message that failed can be tried again.',
    'See the state of the message.',
  ],
  'nothing-to-settle': [
    'Nothing to settle',
    'Only a message whose outcome is unknown can be settled.',
    'See the state of the message.',
  ],
  'password-missing': [
    'Password missing',
    'No password is kept for this server.',
    'Send the password along with the settings.',
  ],
  'sync-counts-differ': [
    'Counts differ',
    'A sync run reported a folder whose listed messages are not the sum of stored, known, excluded and failed.',
    'This is a fault of ours; the run is repeated.',
  ],
  'sync-cursor-goes-back': [
    'Cursor goes back',
    'A sync run reported a folder at an earlier place than the one before.',
    'This is a fault of ours; the run is repeated.',
  ],
  'sync-run-taken': [
    'Sync run taken',
    'Another worker has this sync run, or has ended it.',
    'Nothing: the next run goes on where this one came to.',
  ],
  'sync-run-unknown': ['No such sync run', 'There is no run with this number.', 'Check the number.'],
  'template-invalid': [
    'Template invalid',
    'The MJML has errors; `details.errors` lists them by line.',
    'Correct them; https://documentation.mjml.io describes elements and attributes.',
  ],
  'template-too-complex': [
    'Template too complex',
    'The body takes too much time or memory to compile.',
    'Make it smaller, or nest its elements less deeply.',
  ],
  'too-late-to-cancel': [
    'Too late to cancel',
    'The message is with the mail server, or gone: a cancel is certain only until it is released.',
    'Nothing can call it back; write to the recipients if it was a mistake.',
  ],
  'too-many-recipients': [
    'Too many recipients',
    'The message has more recipients than one transaction may carry.',
    'Send it to fewer at a time.',
  ],
  'unknown-time-zone': [
    'Unknown time zone',
    'The time zone of the organisation is not in the IANA database.',
    'Give a name such as Europe/Berlin.',
  ],
  'unknown-variable': [
    'Unknown variable',
    'A text names a variable that there is none of; `details.problems` says which was probably meant.',
    'Use one that /v1/template-variables lists.',
  ],
  'unsafe-markup': [
    'Unsafe markup',
    'Mail runs no code: the body has scripts, event handlers, nested documents or links that are scripts.',
    'Take out what `details.found` lists.',
  ],
  'user-unknown': [
    'User unknown',
    'The user that the message is sent for is not in the directory.',
    'Put the user into the directory first.',
  ],
  'variable-without-value': [
    'Variable without a value',
    'The message was not sent: a variable has neither a value nor a fallback; `details.missing` lists them.',
    'Fill in the record in the CRM, or write a fallback: {contact.first_name|there}.',
  ],
}

/** What became of a message on its way out: codes of the outbox. */
const sending: Readonly<Record<string, Entry>> = {
  'address-invalid': [
    'Invalid address',
    'An address of the message is none. Nothing was sent.',
    'Correct the addresses and send again.',
  ],
  'answer-lost': [
    'Answer lost',
    'The message was handed over, and the connection broke before the server answered: it may have been sent, or not.',
    'Look for it in the Sent folder, or ask a recipient; then settle it: send it again, or give up.',
  ],
  'content-missing': [
    'Content missing',
    'The content of the message is not in the store. Nothing was sent.',
    'Write the message again, and tell the operator.',
  ],
  'gave-up': [
    'Given up',
    'The mail server put the message off for a day. Nothing was sent.',
    'Check the address and the account, and try the message again.',
  ],
  'message-deferred': [
    'Message put off',
    'The server takes the message later.',
    'Nothing: it is tried again.',
  ],
  'message-refused': [
    'Message refused',
    'The server refused the message for good; the reason has its words.',
    'Change the message and send it again.',
  ],
  'message-too-large': [
    'Message too large',
    'The message is larger than the mail server takes.',
    'Send it with fewer or smaller attachments.',
  ],
  overdue: [
    'Overdue',
    'The message was scheduled for a time at which nothing could be sent, hours ago; it did not go on its own so late.',
    'Send it now if it is still right.',
  ],
  'recipients-deferred': [
    'Recipients put off',
    'The server takes them later.',
    'Nothing: it is tried again.',
  ],
  'recipients-refused': [
    'Recipients refused',
    'The server refused every recipient; `refused` has its words for each.',
    'Check the addresses of the recipients.',
  ],
  'sender-deferred': ['Sender put off', 'The server takes the message later.', 'Nothing: it is tried again.'],
  'sender-refused': [
    'Sender refused',
    'The server does not let this account send from this address.',
    'Check that the account may send from it.',
  ],
  'sender-removed': [
    'Sender removed',
    'The user that the message was to be sent for was removed. Nothing was sent.',
    'Write the message again as another user.',
  ],
  'smtputf8-not-offered': [
    'ASCII addresses only',
    'The mail server takes no addresses beyond ASCII (RFC 6531).',
    'Use the ASCII form of the address.',
  ],
  'store-away': [
    'Store away',
    'The event store did not answer in time, so the message was held back. Nothing was sent.',
    'Nothing: it is tried again.',
  ],
}

/** Every code that we can give, those apart of problems with a mail server, which its adapter knows. */
export const problemCodes: ReadonlyMap<string, ProblemHelp> = new Map(
  [requests, rules, sending]
    .flatMap((group) => Object.entries(group))
    .map(([code, [title, meaning, remedy]]) => [code, { title, meaning, remedy }]),
)
