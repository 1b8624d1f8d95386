#!/usr/bin/env python3
"""The conversations and language snippets that chat_template.py renders; kept apart because they are data."""

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Current weather at a place.\nAsk only for real places.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "City, e.g. \"Zürich\" or 東京"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "days": {"type": "integer", "minimum": 1, "maximum": 14}},
        "required": ["city"]},
    "return": {"type": "string", "description": "a forecast"}}}
LIGHTS = {"type": "function", "function": {
    "name": "set_lights", "description": "Dims <lights> & 'lamps'.",
    "parameters": {"type": "object", "properties": {
        "room": {"type": ["string", "null"], "description": "room"},
        "level": {"type": "number", "description": "0.0 to 1.0"},
        "colors": {"type": "array", "items": {"type": "string", "enum": ["red", "green"]}, "description": "which"},
        "options": {"type": "object", "description": "more", "properties": {
            "fade": {"type": "boolean", "description": "slowly"}, "steps": {"type": "array", "items": {"type": "integer"}}}}},
        "required": ["room", "level"]}}}
PLAIN = {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}
ODD = {"type": "function", "function": {
    "name": "odd", "description": "Numbers that print in special ways.",
    "parameters": {"type": "object", "properties": {"x": {
        "type": "number", "description": "x", "default": 1e16, "examples": [0.1, 1e-7, 1e22, -0.0, 3.0, 123456789012345678, True, None, [], {}]}},
        "required": [], "additionalProperties": False, "strict": True}}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def system(text):
    return {"role": "system", "content": text}


def call(name, arguments, call_id=None, **more):
    out = {"type": "function", "function": {"name": name, "arguments": arguments}, **more}
    if call_id is not None:
        out["id"] = call_id
    return out


def tool(content, **more):
    return {"role": "tool", "content": content, **more}


ASK = user("Dim the lights in the kitchen and tell me the weather in Zürich.")
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def conversations():
    """name -> request (without the special tokens, which are added to each)."""
    out = {}

    def add(name, messages, prompt=True, **more):
        out[name] = {"messages": messages, "add_generation_prompt": prompt, **more}

    add("user", [user("Hello, who are you?")])
    add("user_no_prompt", [user("Hello, who are you?")], prompt=False)
    add("system", [system("You are terse."), user("Hi")])
    add("system_only", [system("You are terse.")])
    turns = [system("  Be kind.\n"), user("One?"), assistant("1"), user("Two?"), assistant("  2\n"), user("Three?")]
    add("multi_turn", turns)
    add("ends_with_assistant", [user("Count."), assistant("1, 2,")], prompt=False)
    add("tools_offered", [system("Use tools."), ASK], tools=[WEATHER, LIGHTS])
    add("tools_no_system", [ASK], tools=[WEATHER])
    add("tools_odd_schema", [ASK], tools=[ODD, WEATHER])
    add("tools_bare", [ASK], tools=[PLAIN])
    ids = "call00001", "call00002"
    dict_call = call("set_lights", {"room": "kitchen", "level": 0.3, "colors": ["red"], "options": {"fade": True}}, ids[0])
    weather_call = call("get_weather", {"city": "Zürich"}, ids[1])
    result = tool('{"ok": true}', tool_call_id=ids[0], name="set_lights")
    result2 = tool("rain & <wind> 7°", tool_call_id=ids[1], name="get_weather")
    add("tool_call_dict", [ASK, assistant("", tool_calls=[dict_call]), result], tools=[WEATHER, LIGHTS])
    add("tool_call_string", [ASK, assistant("", tool_calls=[call("get_weather", '{"city": "Zürich"}', ids[1])]), result2],
        tools=[WEATHER, LIGHTS])
    add("tool_call_null_content", [ASK, assistant(None, tool_calls=[dict_call]), result, assistant("Done."), user("Thanks")],
        tools=[LIGHTS])
    no_content = {"role": "assistant", "tool_calls": [weather_call]}
    add("tool_call_no_content", [ASK, no_content, result2, assistant("It rains.")], tools=[WEATHER], prompt=False)
    add("tool_calls_parallel", [system("S"), ASK, assistant("On it.", tool_calls=[dict_call, weather_call]), result, result2,
                                assistant("Done, and it rains."), user("Good.")], tools=[WEATHER, LIGHTS])
    bare = {"name": "get_weather", "arguments": {"city": "Oslo", "days": 2}}
    add("tool_call_bare", [user("Oslo?"), assistant("", tool_calls=[bare]), tool({"temp": -3.5, "snow": [True, None]})],
        tools=[WEATHER])
    add("tool_call_pending", [ASK, assistant("", tool_calls=[weather_call])], tools=[WEATHER], prompt=False)
    add("tools_without_offer", [ASK, assistant("", tool_calls=[weather_call]), result2, user("And now?")])
    add("thinking_field", [user("2+2?"), assistant("4", reasoning_content="Two and two\nmake four."), user("3+3?")])
    add("thinking_field_last", [user("2+2?"), assistant("4", thinking="Simple.")], prompt=False)
    add("thinking_inline", [user("2+2?"), assistant("<think>\nTwo and two.\n</think>\n\n4"), user("3+3?"),
                            assistant("<think>Hm</think>6")], prompt=False)
    add("thinking_off", [system("S /no_think"), user("2+2?")], enable_thinking=False, thinking=False)
    add("thinking_on", [user("2+2? /think")], enable_thinking=True, thinking=True, reasoning_effort="high")
    add("thinking_tools", [ASK, assistant("", reasoning_content="I need the weather.", tool_calls=[weather_call]), result2,
                           assistant("Rain.", reasoning_content="Now answer."), user("Ok")],
        tools=[WEATHER], enable_thinking=True)
    add("unicode", [system("Σίσυφος ΣΑΣ 你好 \U0001f600 e\u0301 \u202eabc"),
                    user("naïve café — “quotes” 'single' \"double\" <b>&amp;</b> \\ \t tab \u00a0nbsp\u2028line"),
                    assistant("\U0001f468‍\U0001f469‍\U0001f467 🏳️‍🌈 ẞß ﬁ"), user("\u3000全角\u3000")], tools=[WEATHER])
    add("empty_content", [system(""), user(""), assistant(""), user("")])
    add("no_messages", [])
    add("blank", [user("  \n\t  ")], prompt=False)
    add("long_lines", [user("a\n\n\nb\r\nc  \n"), assistant("\n\nx\n"), user("\n<think>\nfake</think> {{ 1 }} {% if %}")])
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "this? "}, {"type": "image"}]
    add("content_parts", [system("See."), {"role": "user", "content": parts}, assistant([{"type": "text", "text": "A cat."}]),
                          user("Sure?")])
    add("documents", [user("What do the papers say?")],
        documents=[{"title": "A & B", "text": "First.\nSecond."}, {"title": "C", "text": "«Third»"}])
    add("developer", [{"role": "developer", "content": "Follow the style guide."}, user("Hi")])
    add("unknown_role", [user("Hi"), {"role": "critic", "content": "Hm."}, user("So?")])
    add("two_users", [user("One"), user("Two")])
    add("assistant_first", [assistant("Welcome!"), user("Hi")])
    add("system_in_the_middle", [user("Hi"), assistant("Hello"), system("Now rhyme."), user("Go")])
    add("options", [system("S"), ASK], tools=[WEATHER], builtin_tools=["wolfram_alpha", "code_interpreter"],
        date_string="26 Jul 2024", tools_in_user_message=False, custom_tools=None, reasoning_effort="low",
        model_identity="You are a test.", xml_tools=["a"], keep_past_thinking=True, controls={"length": "short"},
        response_format="json_object", language="pt-PT", add_vision_id=True, clear_thinking=False, preserve_thinking=True)
    add("code_interpreter", [user("Plot it.")], tools=[{"type": "code_interpreter"}, WEATHER])
    return {name: {**TOKENS, **request} for name, request in out.items()}
