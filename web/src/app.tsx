// The frame: side bar, header, conversation, one panel at the right, and the keyboard.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Composer } from "./composer";
import { IconButton } from "./icons";
import { LivePanel } from "./live_panel";
import { SettingsPanel } from "./settings_panel";
import { Sidebar } from "./sidebar";
import { store, useStore } from "./store";
import { Thread } from "./thread";

const shortcuts: [string, string][] = [
  ["Enter", "Send"],
  ["Shift + Enter", "New line"],
  ["Esc", "Stop the answer; close a panel"],
  ["↑ in an empty box", "Edit the last message"],
  ["/", "Go to the message box"],
  ["Alt + N", "New conversation"],
  ["Alt + R", "Regenerate the last answer"],
  ["Alt + S", "Settings"],
  ["Alt + L", "Live panel"],
  ["?", "This list"],
];
const narrowQuery = "(max-width: 760px)"; // as in style.css
const narrow = () => matchMedia(narrowQuery).matches;

export type Panel = "" | "settings" | "live";

export function App() {
  const state = useStore();
  const [panel, setPanel] = useState<Panel>("");
  const [sidebar, setSidebar] = useState(!narrow());
  const help = useRef<HTMLDialogElement>(null);
  const { theme } = state.preferences;
  useLayoutEffect(() => {
    if (theme) document.documentElement.dataset["theme"] = theme;
    else delete document.documentElement.dataset["theme"];
  }, [theme]);
  useEffect(() => {
    document.title = store.current.title ? `${store.current.title} · hearth` : "hearth";
  });
  useEffect(() => {
    const query = matchMedia(narrowQuery);
    const onChange = () => setSidebar(!query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  useShortcuts(panel, setPanel, () => help.current?.showModal());

  const toggle = (name: Panel) => setPanel(panel === name ? "" : name);
  const leaveSidebar = () => {
    if (narrow()) setSidebar(false);
  };
  return (
    <div class={`app ${sidebar ? "with-sidebar" : ""} ${panel ? "with-panel" : ""}`}>
      <a class="skip" href="#message-box">To the message box</a>
      {sidebar && <div class="scrim" onClick={() => setSidebar(false)} />}
      {sidebar && <Sidebar onLeave={leaveSidebar} onHelp={() => help.current?.showModal()} />}
      <main>
        <header>
          <IconButton icon="menu" label="Conversations" pressed={sidebar} onClick={() => setSidebar(!sidebar)} />
          <ModelPicker />
          <span class="spring" />
          <IconButton icon="settings" label="Settings" pressed={panel === "settings"} onClick={() => toggle("settings")} />
          <IconButton icon="chart" label="Live panel" pressed={panel === "live"} onClick={() => toggle("live")} />
          <ThemeButton />
        </header>
        {state.notice && <Notice text={state.notice} />}
        <Thread conversation={store.current} writing={state.writing.has(state.current)} />
        <Composer key={state.current} id={state.current} writing={state.writing.has(state.current)} />
      </main>
      {panel === "settings" && <SettingsPanel onClose={() => setPanel("")} />}
      {panel === "live" && <LivePanel onClose={() => setPanel("")} />}
      <dialog ref={help} aria-labelledby="help-title">
        <h2 id="help-title">Keyboard</h2>
        <dl class="shortcuts">
          {shortcuts.map(([keys, what]) => (
            <div>
              <dt><kbd>{keys}</kbd></dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <button type="button" onClick={() => help.current?.close()}>Close</button>
      </dialog>
    </div>
  );
}

function useShortcuts(panel: Panel, setPanel: (panel: Panel) => void, showHelp: () => void): void {
  // In the layout's phase, so that no key meets the handler of the last drawing.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.matches("input, textarea, select");
      if (event.key === "Escape" && !document.querySelector("dialog[open]") && !event.defaultPrevented) {
        if (store.state.writing.has(store.state.current)) store.stop();
        else if (panel) setPanel("");
      } else if (event.altKey && !event.ctrlKey && !event.metaKey) {
        const last = store.current.messages.at(-1);
        if (event.code === "KeyN") store.create();
        else if (event.code === "KeyS") setPanel(panel === "settings" ? "" : "settings");
        else if (event.code === "KeyL") setPanel(panel === "live" ? "" : "live");
        else if (event.code === "KeyR" && last?.role === "assistant") store.regenerate(last.id);
        else return;
        event.preventDefault();
      } else if (!typing && event.key === "/") {
        event.preventDefault();
        document.getElementById("message-box")?.focus();
      } else if (!typing && event.key === "?") {
        showHelp();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}

function Notice({ text }: { text: string }) {
  return (
    <div class="notice">
      <p role="status">{text}</p>
      <IconButton icon="close" label="Close this notice" onClick={() => store.setNotice("")} />
    </div>
  );
}

function ModelPicker() {
  const { models, serverError } = useStore();
  const { model } = store.current;
  if (serverError) {
    return (
      <p class="no-models" role="alert">
        <span>{serverError}</span>
        <button type="button" onClick={() => void store.refreshModels()}>Try again</button>
      </p>
    );
  }
  const known = models.some(({ id }) => id === model);
  return (
    <select
      class="models"
      aria-label="Model"
      value={model || models[0]?.id || ""}
      onChange={(event) => store.setModel(event.currentTarget.value)}
      onFocus={() => void store.refreshModels()}
    >
      {model && !known && <option value={model}>{model} (not offered)</option>}
      {models.map(({ id, max_model_len }) => (
        <option value={id}>{max_model_len ? `${id} · ${max_model_len.toLocaleString("en")} tokens` : id}</option>
      ))}
    </select>
  );
}

function ThemeButton() {
  const { theme } = useStore().preferences;
  const next = ({ "": "light", light: "dark", dark: "" } as const)[theme];
  const label = `Colours: ${theme || "as the system"}; change to ${next || "as the system"}`;
  return <IconButton icon="sun" label={label} onClick={() => store.setPreferences({ theme: next })} />;
}
