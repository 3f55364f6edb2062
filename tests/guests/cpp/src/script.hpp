// One line of a script: what it does, and its result in words.

#ifndef SCRIPT_HPP
#define SCRIPT_HPP

#include <greenroom.hpp>

// Does what the line says.
greenroom::Result<std::string> perform(greenroom::Context &ctx, std::string_view line);

// Adds one to the decimal number under a key.
greenroom::Result<std::string> add_one(greenroom::Context &ctx, std::string_view key);

#endif
