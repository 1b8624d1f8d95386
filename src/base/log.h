// The log sink: libraries report notices and warnings here; the command line decides where they go (stderr).
// Without a sink, lines are dropped. Knows nothing of streams.
#pragma once

#include <functional>
#include <string_view>

namespace hearth {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

using LogSink = std::function<void(LogLevel, std::string_view line)>;

/// Replaces the process-wide sink; thread-safe. An empty function drops all lines.
void set_log_sink(LogSink sink);
/// Sends one line (no newline) to the sink; thread-safe.
void log_line(LogLevel level, std::string_view line);

}  // namespace hearth
