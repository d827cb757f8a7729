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

/** A page of the console that is shown, until it is left. */
interface Shown {
  title: string;
  root: HTMLElement;
  /** Takes another address of the same thing. */
  go?: (parts: string[], query: URLSearchParams) => void;
  /** Ends what goes on behind it. */
  leave?: () => void;
}
