// Clients' turns, simulated: one server, one piece of work at a time.
#include "engine/turns.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace hearth::engine {
namespace {

/// Takes the next of `waiting` (oldest first), does `work` for it, and gives its name.
std::string take(Turns& turns, std::vector<std::string>& waiting, double work = 10) {
  size_t next = 0;
  for (size_t i = 1; i < waiting.size(); ++i) {
    if (turns.had(waiting[i]) < turns.had(waiting[next])) next = i;
  }
  const std::string client = waiting[next];
  waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(next));
  turns.charge(client, work);
  return client;
}

TEST(Turns, ANewcomerComesNextHoweverMuchOthersHaveHad) {
  Turns turns;
  std::vector<std::string> waiting(50, "many");
  for (const auto& client : waiting) turns.come(client);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(take(turns, waiting), "many");
  turns.come("new");
  waiting.push_back("new");
  EXPECT_EQ(take(turns, waiting), "new");
  turns.go("new");
  EXPECT_EQ(take(turns, waiting), "many");
}

TEST(Turns, ThoseWhoAlwaysComeBackGetTheirShareAndNoMore) {
  Turns turns;
  std::vector<std::string> waiting(100, "many");
  for (const auto& client : waiting) turns.come(client);
  for (int i = 0; i < 5; ++i) take(turns, waiting);
  for (const char* client : {"b", "c", "d"}) turns.come(client), waiting.push_back(client);
  std::map<std::string, int> served;
  for (int i = 0; i < 200; ++i) {
    const std::string client = take(turns, waiting);
    ++served[client];
    if (client == "many") continue;
    turns.go(client);  // and back at once
    turns.come(client);
    waiting.push_back(client);
  }
  for (const auto& [client, times] : served) EXPECT_NEAR(times, 50, 3) << client;
}

TEST(Turns, ManyNewClientsDoNotStarveABacklog) {
  Turns turns;
  std::vector<std::string> waiting(10, "many");
  for (const auto& client : waiting) turns.come(client);
  for (int i = 0; i < 5; ++i) take(turns, waiting);
  int rounds = 0;
  for (int left = 5; left > 0 && rounds < 1000; ++rounds) {
    while (waiting.size() < static_cast<size_t>(left) + 3) {  // three strangers at any time
      waiting.push_back("stranger " + std::to_string(rounds) + "." + std::to_string(waiting.size()));
      turns.come(waiting.back());
    }
    const std::string client = take(turns, waiting);
    if (client == "many") {
      --left;
    } else {
      turns.go(client);
    }
  }
  EXPECT_LT(rounds, 40);
}

TEST(Turns, WhoHasGoneIsForgottenInTime) {
  Turns turns;
  turns.come("stays");
  for (int i = 0; i < 5000; ++i) {
    const std::string client = std::to_string(i);
    turns.come(client);
    turns.charge(client, 1);
    turns.go(client);
  }
  EXPECT_GT(turns.had("4999"), 0);
  EXPECT_EQ(turns.had("17"), 0);
  turns.go("stays");
  EXPECT_EQ(turns.had("stays"), 0);
}

}  // namespace
}  // namespace hearth::engine
