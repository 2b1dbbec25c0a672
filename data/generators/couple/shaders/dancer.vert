#version 330
in vec3 place;
in vec3 normal;
in vec3 rest;
in float cut;
in float material;
in vec3 colour;
uniform mat4 view;
uniform float mirror;
out vec3 at;
out vec3 facing;
out vec3 seen;
out float kept;
flat out int stuff;
out vec3 tint;

void main() {
    vec3 flip = vec3(1, mirror, 1);
    at = place * flip;
    facing = normal * flip;
    seen = rest;
    kept = cut;
    stuff = int(material + .5);
    tint = colour;
    gl_Position = view * vec4(at, 1);
}
