// Where the page begins.
import { render } from "preact";
import { App } from "./app";
import { store } from "./store";
import "./style.css";

void store.start();
const root = document.getElementById("app");
if (root) render(<App />, root);
