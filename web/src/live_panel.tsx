// What the server does right now: /metrics, asked once a second while this panel is open and seen.
import { useEffect, useRef, useState } from "preact/hooks";
import { readMetrics } from "./api";
import { Chart } from "./chart";
import { parseMetrics, type Sample, Sampler } from "./metrics";
import { PanelFrame } from "./panel";
import { store } from "./store";

const everyMs = 1000;
const kept = 300;

export function LivePanel({ onClose }: { onClose: () => void }) {
  const [samples, setSamples] = useState<Sample[]>([]);
  const [error, setError] = useState("");
  const firstToken = useRef<number | null>(null);
  useEffect(() => {
    const sampler = new Sampler();
    let timer: number | undefined;
    let open = true;
    const poll = async () => {
      if (!document.hidden) {
        try {
          const values = parseMetrics(await readMetrics(store.state.preferences.apiKey));
          const sample = sampler.take(values, Date.now() / 1000);
          firstToken.current = sample.firstToken ?? firstToken.current;
          if (open) setSamples((old) => [...old.slice(1 - kept), sample]);
          if (open) setError("");
        } catch (failure) {
          if (open) setError((failure as Error).message);
        }
      }
      if (open) timer = setTimeout(() => void poll(), everyMs);
    };
    void poll();
    return () => {
      open = false;
      clearTimeout(timer);
    };
  }, []);
  const now = samples.at(-1);
  const times = samples.map((sample) => sample.time);
  const line = (pick: (sample: Sample) => number | null) => samples.map(pick);
  return (
    <PanelFrame title="Live panel" onClose={onClose}>
      {error && <p class="error" role="alert">{error}</p>}
      {now && (
        <>
          <dl class="tiles">
            <Tile name="Running" value={String(now.running)} />
            <Tile name="Waiting" value={String(now.waiting)} />
            <Tile name="Tokens per second" value={now.written.toFixed(now.written < 100 ? 1 : 0)} />
            <Tile name="First token" value={firstToken.current === null ? "–" : `${firstToken.current.toFixed(2)} s`} />
            <Tile name="Prefix hits" value={now.hits === null ? "–" : `${(100 * now.hits).toFixed(0)} %`} />
            <Tile name="Keys and values" value={bytes(now.kv)} />
            <Tile name="Memory" value={bytes(now.memory)} />
          </dl>
          <Chart title="Answers" times={times} lines={[{ label: "running", values: line((s) => s.running) }, { label: "waiting", values: line((s) => s.waiting) }]} />
          <Chart title="Tokens per second" times={times} lines={[{ label: "written", values: line((s) => s.written) }, { label: "read", values: line((s) => s.read) }]} />
          <Chart title="Memory (MiB)" times={times} lines={[{ label: "process", values: line((s) => s.memory / 2 ** 20) }, { label: "keys and values", values: line((s) => s.kv / 2 ** 20) }]} />
          <Chart title="Prefix hit rate (%)" times={times} lines={[{ label: "of prompt tokens", values: line((s) => (s.hits === null ? null : 100 * s.hits)) }]} max={100} />
        </>
      )}
    </PanelFrame>
  );
}

function Tile({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function bytes(count: number): string {
  const mib = count / 2 ** 20;
  return mib >= 1024 ? `${(mib / 1024).toFixed(2)} GiB` : `${mib.toFixed(mib < 10 ? 1 : 0)} MiB`;
}
