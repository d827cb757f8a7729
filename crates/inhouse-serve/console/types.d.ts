// What the console reads of A2A 1.0, as this server writes it. Only the checker of types sees this file.

type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

interface Part {
  text?: string;
  data?: Json;
  /** base64 */
  raw?: string;
  url?: string;
  filename?: string;
  mediaType?: string;
}

interface Message {
  messageId: string;
  role: "ROLE_USER" | "ROLE_AGENT";
  parts: Part[];
  taskId?: string;
  contextId?: string;
  metadata?: { [name: string]: any };
}

interface Status {
  state: string;
  timestamp?: string;
  message?: Message;
}

interface Artifact {
  artifactId: string;
  name?: string;
  description?: string;
  parts: Part[];
  metadata?: { [name: string]: any };
}

interface Task {
  id: string;
  contextId: string;
  status: Status;
  history?: Message[];
  artifacts?: Artifact[];
  metadata?: { [name: string]: any };
}

interface StatusUpdate {
  status: Status;
  metadata?: { [name: string]: any };
}

interface ArtifactUpdate {
  artifact: Artifact;
  append?: boolean;
  lastChunk?: boolean;
}

interface StreamResponse {
  task?: Task;
  statusUpdate?: StatusUpdate;
  artifactUpdate?: ArtifactUpdate;
}

/** An event of a task's log and its number there. */
interface Numbered {
  id: number;
  json: string;
  event: StreamResponse;
}

interface TaskList {
  tasks: Task[];
  nextPageToken: string;
  totalSize: number;
}

/** An entry of /agents. */
interface Agent {
  name: string;
  title: string;
  description: string;
  default: boolean;
  /** Its JSON-RPC endpoint. */
  url: string;
  card: string;
}

interface AskOption {
  id: string;
  label: string;
  effect: "allow" | "allowAlways" | "deny" | "answer";
}

interface AskQuestion {
  id: string;
  text: string;
  options: AskOption[];
  multiple: boolean;
  freeText: boolean;
}

/** What an agent asks in the middle of a turn: the member `request` of a status message's data part. */
interface AskRequest {
  id: string;
  kind: "permission" | "question";
  tool?: string;
  input?: Json;
  questions: AskQuestion[];
  expiresAtMs?: number;
  decides?: "approver";
}

/** What /admin/status says. */
interface ServerStatus {
  version: string;
  started: string;
  uptime_s: number;
  containment: { tier: string; shortfall?: string };
  tls: boolean;
  listening: string[];
  agents: AgentStatus[];
  tasks: { states: { [state: string]: number }; kept: number; kept_bytes: number };
  readers: number;
  connections: number;
  push: { following: number; behind: number } | null;
  limits: { name: string; value: number; used?: number }[];
  config: { table: string; settings: { key: string; value: Json; origin: string }[] }[];
}

interface AgentStatus {
  name: string;
  driver: string;
  running: number;
  running_max: number;
  waiting: number;
  waiting_max: number;
  asking: number;
  today: { tokens: number; usd: number; budgets?: { [name: string]: number } };
}

/** A line of the audit: which members there are depends on what was decided. */
interface AuditLine {
  time_ms: number;
  who?: string;
  operation?: string;
  agent?: string;
  outcome?: string;
  duration_us?: number;
  [member: string]: Json | undefined;
}

/** What /admin/audit says: some lines, oldest first. */
interface AuditPage {
  lines: AuditLine[];
  /** Lines that are not kept any more. */
  skipped: number;
  next: number;
}

/** A page of the console that is shown, until it is left. */
interface Shown {
  title: string;
  root: HTMLElement;
  /** Takes another address of the same thing. */
  go?: (parts: string[], query: URLSearchParams) => void;
  /** Ends what goes on behind it. */
  leave?: () => void;
}
