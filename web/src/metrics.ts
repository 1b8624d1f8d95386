// Prometheus text to the numbers of the live panel. Rates are differences between two readings.

/** Values by name, summed over models. */
export function parseMetrics(text: string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)$/.exec(line);
    const value = Number(match?.[2]);
    if (match?.[1] && Number.isFinite(value)) sums.set(match[1], (sums.get(match[1]) ?? 0) + value);
  }
  return sums;
}

export interface Sample {
  time: number; // seconds since 1970
  waiting: number;
  running: number;
  written: number; // tokens per second
  read: number; // prompt tokens per second, those from the cache included
  memory: number; // bytes
  kv: number; // bytes
  hits: number | null; // share of prompt tokens from the cache, 0 to 1; null without prompts
  firstToken: number | null; // mean seconds, of the answers since the last sample
}

export class Sampler {
  private last: { time: number; values: Map<string, number> } | undefined;

  take(values: Map<string, number>, time: number): Sample {
    const last = this.last;
    this.last = { time, values };
    const now = (name: string) => values.get(name) ?? 0;
    // A counter that fell belongs to a server that was started again.
    const grown = (name: string) => (last ? Math.max(0, now(name) - (last.values.get(name) ?? 0)) : 0);
    const seconds = last ? Math.max(time - last.time, 1e-3) : 1;
    const answers = grown("hearth_time_to_first_token_seconds_count");
    const prompts = now("hearth_prompt_tokens_total");
    return {
      time,
      waiting: now("hearth_answers_waiting"),
      running: now("hearth_answers_running"),
      written: grown("hearth_generated_tokens_total") / seconds,
      read: grown("hearth_prompt_tokens_total") / seconds,
      memory: now("hearth_resident_memory_bytes"),
      kv: now("hearth_kv_bytes"),
      hits: prompts > 0 ? now("hearth_prefix_hit_tokens_total") / prompts : null,
      firstToken: answers > 0 ? grown("hearth_time_to_first_token_seconds_sum") / answers : null,
    };
  }
}
