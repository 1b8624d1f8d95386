// What goes with every request of this conversation, and the API key.
import { useState } from "preact/hooks";
import { parseBox } from "./api";
import { PanelFrame } from "./panel";
import { store, useStore } from "./store";
import type { Settings } from "./types";

type NumberName = "temperature" | "top_p" | "top_k" | "min_p" | "max_tokens" | "seed";
interface NumberField {
  name: NumberName;
  label: string;
  min: number;
  max?: number;
  step: number | "any";
}

const numbers: NumberField[] = [
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: "any" },
  { name: "top_p", label: "Top p", min: 0, max: 1, step: "any" },
  { name: "top_k", label: "Top k", min: 0, step: 1 },
  { name: "min_p", label: "Min p", min: 0, max: 1, step: "any" },
  { name: "max_tokens", label: "Token limit", min: 1, step: 1 },
  { name: "seed", label: "Seed", min: 0, step: 1 },
];

export function SettingsPanel({ onClose }: { onClose: () => void }) {
  const { preferences } = useStore();
  const { id, settings } = store.current;
  return (
    <PanelFrame title="Settings" onClose={onClose}>
      <label>
        System prompt
        <textarea rows={4} value={settings.system} onInput={(event) => store.setSettings({ system: event.currentTarget.value })} />
      </label>
      <fieldset>
        <legend>Sampling</legend>
        <p class="hint">Empty: as the model's author set it.</p>
        <div class="grid">
          {numbers.map((field) => <NumberInput key={`${id}-${field.name}`} field={field} settings={settings} />)}
        </div>
        <label>
          Stop at (one text per line)
          <textarea rows={2} value={settings.stop} onInput={(event) => store.setSettings({ stop: event.currentTarget.value })} />
        </label>
        <label>
          Thinking
          <select
            value={settings.thinking}
            onChange={(event) => store.setSettings({ thinking: event.currentTarget.value as Settings["thinking"] })}
          >
            <option value="">as the model does</option>
            <option value="on">on</option>
            <option value="off">off</option>
          </select>
        </label>
      </fieldset>
      <JsonBox name="schema" label="JSON Schema" hint="The answer will be valid for it." value={settings.schema} />
      <JsonBox name="tools" label="Tools" hint="A JSON array in OpenAI's form; the page shows calls and runs none." value={settings.tools} />
      <form onSubmit={(event) => event.preventDefault()}>
        <fieldset>
          <legend>Server</legend>
          <label>
            API key
            <input
              type="password"
              autocomplete="off"
              value={preferences.apiKey}
              onInput={(event) => store.setPreferences({ apiKey: event.currentTarget.value })}
              onChange={() => void store.refreshModels()}
            />
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={preferences.rememberKey}
              onChange={(event) => store.setPreferences({ rememberKey: event.currentTarget.checked })}
            />
            Keep it in this browser
          </label>
        </fieldset>
      </form>
    </PanelFrame>
  );
}

function NumberInput({ field, settings }: { field: NumberField; settings: Settings }) {
  const { name, label, min, max, step } = field;
  const [wrong, setWrong] = useState("");
  const value = settings[name];
  const onInput = (event: { currentTarget: HTMLInputElement }) => {
    const input = event.currentTarget;
    const bad = !input.validity.valid;
    setWrong(bad ? `${label}: ${step === 1 ? "a whole number" : "a number"}${max === undefined ? ` from ${min}` : `, ${min} to ${max}`}` : "");
    if (!bad) store.setSettings({ [name]: input.value === "" ? undefined : input.valueAsNumber });
  };
  return (
    <label>
      {label}
      <input
        type="number"
        min={min}
        max={max}
        step={step}
        placeholder="default"
        defaultValue={value === undefined ? "" : String(value)}
        aria-invalid={wrong !== ""}
        onInput={onInput}
      />
      {wrong && <span class="wrong" role="alert">{wrong}</span>}
    </label>
  );
}

function JsonBox({ name, label, hint, value }: { name: "schema" | "tools"; label: string; hint: string; value: string }) {
  let wrong = "";
  try {
    if (value.trim()) parseBox(value, label);
  } catch (error) {
    wrong = (error as Error).message;
  }
  return (
    <label>
      {label}
      <textarea
        class="mono"
        rows={5}
        spellcheck={false}
        value={value}
        aria-invalid={wrong !== ""}
        aria-describedby={`${name}-hint`}
        onInput={(event) => store.setSettings({ [name]: event.currentTarget.value })}
      />
      <span id={`${name}-hint`} class={wrong ? "wrong" : "hint"}>{wrong || hint}</span>
    </label>
  );
}
