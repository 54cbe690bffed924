import dns from 'node:dns/promises'
import net from 'node:net'
import tls from 'node:tls'
import { domainToASCII } from 'node:url'
import ipaddr from 'ipaddr.js'
import { within } from '../../std/within.ts'
import { networkProblemOf, unreachable } from './problems.ts'

/**
 * What an operator allows beyond mail servers on the public Internet. Networks in CIDR notation, authorities in PEM.
 */
export type EgressConfig = {
  readonly allowedNetworks: readonly string[]
  readonly allowedPorts: readonly number[]
  readonly clearTextHosts: readonly string[]
  readonly extraCa: readonly string[]
  /** As whom we greet SMTP servers: a full host name or an address literal; null or absent for that of the socket. */
  readonly ehloName?: string | null
}

/** Timeouts for a mail server: for each step of connecting, between two bytes, and for the answer to the final dot. */
export type EgressLimits = {
  readonly connectMs: number
  readonly greetingMs: number
  readonly silenceMs: number
  readonly answerMs: number
}

/** `starttls`: the caller upgrades the plain connection itself. */
type Server = {
  readonly host: string
  readonly port: number
  readonly encryption: 'starttls' | 'tls' | 'none'
}

/** A host whose addresses were resolved once and are allowed; only those are connected to. */
type CheckedServer = { readonly server: Server; readonly addresses: readonly string[] }

/** The only way to connect to servers that users name (guards against SSRF). Everything here throws MailUnavailable. */
export type EgressGuard = {
  readonly limits: EgressLimits
  /** How to greet a server over this socket (RFC 5321 4.1.3). */
  ehloName(socket: net.Socket): string
  /** `ports`: which are allowed beside those of the operator; by default those of mail. */
  check(server: Server, ports?: readonly number[]): Promise<CheckedServer>
  connect(checked: CheckedServer, signal: AbortSignal): Promise<net.Socket>
  /** TLS over a connected socket, with the certificate verified against the host name. */
  secure(socket: net.Socket, host: string): Promise<tls.TLSSocket>
  /** For libraries that start TLS themselves. */
  tlsOptions(host: string): tls.ConnectionOptions
}

const MAIL_PORTS = [25, 465, 587, 143, 993]

const DEFAULT_LIMITS: EgressLimits = {
  connectMs: 10_000,
  greetingMs: 15_000,
  silenceMs: 120_000,
  // RFC 5321 4.5.3.2.6: a server may take ten minutes to answer the end of DATA.
  answerMs: 600_000,
}

/** All addresses of a name, from the operating system's resolver. */
export type Resolve = (host: string) => Promise<readonly string[]>

const systemResolve: Resolve = async (host) =>
  (await dns.lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address)

type Network = ReturnType<typeof ipaddr.parseCIDR>

// IPv4-compatible IPv6, deprecated (RFC 4291 2.5.5.1), which the address library considers public.
const IPV4_COMPATIBLE = ipaddr.parseCIDR('::/96')

const lies = (address: ReturnType<typeof ipaddr.process>, [network, bits]: Network): boolean =>
  address.kind() === network.kind() && address.match(network, bits)

/** True for an address on the public Internet, or in one of the operator's networks. */
const isAllowed = (text: string, networks: readonly Network[]): boolean => {
  if (!ipaddr.isValid(text)) return false
  const address = ipaddr.process(text)
  if (networks.some((network) => lies(address, network))) return true
  return address.range() === 'unicast' && !lies(address, IPV4_COMPATIBLE)
}

const tooLate = (): never => {
  throw unreachable('timed-out')
}

const opened = (socket: net.Socket, event: 'connect' | 'secureConnect'): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once(event, resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(unreachable('connection-lost')))
    // A socket without a listener for a moment must not end the process.
    socket.on('error', () => {})
  })

/** Normalised host: no brackets around IPv6, no trailing dot, names in ASCII (RFC 5890). '' if invalid. */
const plainHost = (host: string): string => {
  const name = host
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  return net.isIP(name) === 0 ? domainToASCII(name) : name.toLowerCase()
}

/** The address of our end, as EHLO may name it in place of a host name. */
const literalOf = ({ localAddress = '127.0.0.1' }: net.Socket): string => {
  const address = ipaddr.process(localAddress)
  return address.kind() === 'ipv4' ? `[${address.toString()}]` : `[IPv6:${address.toString()}]`
}

/** @throws Error where a network or an authority of the operator's is malformed */
export const egressGuard = (
  config: EgressConfig,
  { resolve = systemResolve, limits = {} }: { resolve?: Resolve; limits?: Partial<EgressLimits> } = {},
): EgressGuard => {
  const allLimits = { ...DEFAULT_LIMITS, ...limits }
  const networks = config.allowedNetworks.map((network) => ipaddr.parseCIDR(network))
  const clearTextHosts = new Set(config.clearTextHosts.map(plainHost))
  // One context for all: parsing a hundred authorities again costs more than the handshake.
  const secureContext = tls.createSecureContext({
    minVersion: 'TLSv1.2',
    ...(config.extraCa.length === 0 ? {} : { ca: [...tls.getCACertificates('default'), ...config.extraCa] }),
  })

  const tlsOptions = (host: string): tls.ConnectionOptions => {
    const name = plainHost(host)
    return {
      host: name,
      ...(net.isIP(name) === 0 ? { servername: name } : {}),
      secureContext,
      rejectUnauthorized: true,
    }
  }

  const check = async (server: Server, ports: readonly number[] = MAIL_PORTS): Promise<CheckedServer> => {
    const host = plainHost(server.host)
    if (![...ports, ...config.allowedPorts].includes(server.port)) throw unreachable('port-not-allowed')
    if (server.encryption === 'none' && !clearTextHosts.has(host)) throw unreachable('clear-text-not-allowed')
    if (host === '') throw unreachable('name-unknown')
    const lookup = net.isIP(host) === 0 ? resolve(host) : Promise.resolve([host])
    const addresses = await within(lookup, allLimits.connectMs, tooLate).catch((error: unknown) => {
      throw unreachable(networkProblemOf(error) === 'timed-out' ? 'timed-out' : 'name-unknown')
    })
    if (addresses.length === 0) throw unreachable('name-unknown')
    if (!addresses.every((address) => isAllowed(address, networks))) throw unreachable('host-not-allowed')
    return { server: { ...server, host }, addresses }
  }

  const connect = async (checked: CheckedServer, signal: AbortSignal): Promise<net.Socket> => {
    const answers = checked.addresses.map((address) => ({ address, family: net.isIP(address) }))
    const first = answers[0]
    if (first === undefined) throw unreachable('name-unknown')
    if (signal.aborted) throw unreachable('stopped')
    const socket = net.connect({
      host: checked.server.host,
      port: checked.server.port,
      autoSelectFamily: true,
      noDelay: true,
      lookup: (_host, { all = false }, answer) => {
        if (all) answer(null, answers)
        else answer(null, first.address, first.family)
      },
    })
    const stop = () => socket.destroy()
    signal.addEventListener('abort', stop, { once: true })
    try {
      await within(opened(socket, 'connect'), allLimits.connectMs, tooLate)
      return socket
    } catch (error) {
      stop()
      if (signal.aborted) throw unreachable('stopped')
      // Refused, unroutable and reset look the same from outside, so that this is no port scanner.
      throw unreachable(networkProblemOf(error) === 'timed-out' ? 'timed-out' : 'unreachable')
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  const secure = async (socket: net.Socket, host: string): Promise<tls.TLSSocket> => {
    const wrapped = tls.connect({ ...tlsOptions(host), socket })
    try {
      await within(opened(wrapped, 'secureConnect'), allLimits.greetingMs, tooLate)
      return wrapped
    } catch (error) {
      wrapped.destroy()
      socket.destroy()
      throw unreachable(networkProblemOf(error) ?? 'tls-failed')
    }
  }

  return {
    limits: allLimits,
    ehloName: (socket) => config.ehloName ?? literalOf(socket),
    check,
    connect,
    secure,
    tlsOptions,
  }
}
